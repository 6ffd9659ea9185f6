"""`prunetune resume`: go on with a run after a stop or a kill, or give each arm more configurations."""

from __future__ import annotations

import argparse
from pathlib import Path

from models.errors import UserError
from search.commands.common import Outcome
from search.commands.sweep import add_driving_options
from search.run.folder import RunFolder
from search.study.load import load_study

EXAMPLE = "prunetune resume runs/quickstart --trials-per-arm 12"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, help="the run's folder, such as runs/quickstart")
    parser.add_argument(
        "--trials-per-arm",
        type=int,
        metavar="N",
        help="grow the run to N configurations for each arm, learning from those there",
    )
    parser.add_argument("--retry-failed", action="store_true", help="go on with the trials that failed, too")
    add_driving_options(parser)


def run(args: argparse.Namespace) -> Outcome:
    from search.commands.launch import drive_command
    from search.run.manifest import grown

    run_folder = RunFolder.existing(args.run)
    study = load_study(run_folder.study_file)
    if args.trials_per_arm is not None:
        if run_folder.is_driven():
            raise UserError(
                f"{args.run}: this run is being driven by process {run_folder.driver() or 'unknown'}; stop it before it grows"
            )
        study = grown(run_folder, study, args.trials_per_arm)
    return drive_command(study, run_folder, args)
