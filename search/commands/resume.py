"""`prunetune resume`: the rest of a run, or more of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from models import atomic
from search.commands.common import Outcome, Subcommand, Whole, check_writable, launch_options, run_argument
from search.commands.tools import offered
from search.run.changing.free import check_free_to_change
from search.run.changing.noted import note_changes
from search.run.folder import RunFolder
from search.run.manifest import check_goes_on, grown
from search.run.possible.machine import check_machine
from search.study.compared.folds import check_no_growth
from search.study.load import load_study

SET_HELP = (
    "change a key of `resources`, `retention`, `logging` or `callbacks`, in the run's study.yaml from now on "
    "(may be repeated)"
)


@click.command("resume", cls=Subcommand, example="prunetune resume runs/quickstart --trials-per-arm 12")
@run_argument
@click.option(
    "--trials-per-arm",
    type=int,
    metavar="N",
    help="grow the run to N configurations for each arm, learning from those there",
)
@click.option(
    "--confirm-seeds",
    type=Whole(min=1),
    metavar="N",
    help="grow the confirm phase to N seeds: those it has, then fresh ones",
)
@click.option("--retry-failed", is_flag=True, help="go on with the trials that failed, too")
@click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", shell_complete=offered.free_keys, help=SET_HELP)
@launch_options
def command(
    run: Path,
    trials_per_arm: int | None,
    confirm_seeds: int | None,
    sets: tuple[str, ...],
    take_over: bool,
    **launch: Any,
) -> Outcome:
    """Go on with a run after a stop or a kill, or give each arm more configurations or more confirm seeds."""
    from search.commands.launch import drive_command

    run_folder = RunFolder.existing(run)
    check_free_to_change(sets)
    study = load_study(run_folder.study_file, sets, recorded=True, goes_on=True)
    growth = {"--trials-per-arm": trials_per_arm, "--confirm-seeds": confirm_seeds}
    grows = any(asked is not None for asked in growth.values())
    check_no_growth(study, tuple(option for option, asked in growth.items() if asked is not None))
    check_writable(run_folder.path)
    if sets or grows:
        run_folder.check_free(take_over=take_over)
        # Before anything is written: the run's next launch would be refused.
        check_goes_on(run_folder, study)
    if sets:
        check_machine(study.with_resources(address=launch["address"]))
    if grows:
        study = grown(run_folder, study, trials_per_arm, confirm_seeds)
    if sets:
        note_changes(run_folder, load_study(run_folder.study_file, recorded=True), study)
        atomic.write_text(run_folder.study_file, study.to_yaml())
    return drive_command(study, run_folder, take_over=take_over, **launch)
