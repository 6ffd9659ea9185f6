"""`prunetune sweep`: run a study under Ray Tune, to its report and its best configuration."""

from __future__ import annotations

import argparse

from search.commands.common import Outcome, add_storage, add_study, study_of
from search.console import announce

EXAMPLE = "prunetune sweep configs/quickstart.yaml --set search.trials_per_arm=4 --max-concurrent 2"


def configure(parser: argparse.ArgumentParser) -> None:
    add_study(parser)
    add_storage(parser)
    add_driving_options(parser)
    parser.add_argument("--dry-run", action="store_true", help="only say what would run, and what it would cost")


def add_driving_options(parser: argparse.ArgumentParser) -> None:
    """Options of a launch, which change nothing about the trials."""
    parser.add_argument(
        "--time-budget",
        metavar="TIME",
        help="start no further epoch after this long, such as 45m or 2h30m; resume goes on",
    )
    parser.add_argument("--max-concurrent", type=int, metavar="N", help="run at most N trials at once")
    parser.add_argument("--address", help="of a running Ray cluster to use, `auto` for this machine's (default: none)")


def run(args: argparse.Namespace) -> Outcome:
    study = study_of(args)
    if args.dry_run:
        from search.tuning.estimate import dry_run

        return dry_run(study)
    from search.commands.launch import drive_command
    from search.run.manifest import open_run

    if not (args.storage / study.name / "study.yaml").exists():
        announce("loading torch and checking the request")
        from search.run.preflight import check_request

        # Before the run has a folder; the launch checks again, with the weights, and shows the warnings.
        check_request(study)
    return drive_command(study, open_run(args.storage, study), args)
