"""`prunetune sweep`: a study under Ray Tune, to its report and its best configuration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from search.commands.common import Outcome, Subcommand, check_writable, launch_options, storage_option, study_parameters
from search.console import afterwards, announce
from search.evidence.formats import TIMED, gigabytes, time_text
from search.run.folder import RunFolder
from search.run.manifest import open_run
from search.run.plan import outstanding_trials
from search.run.possible.found_weights import with_found_weights
from search.run.preflight import check_study
from search.study.load import load_study
from search.study.study import Study

if TYPE_CHECKING:
    from search.tuning.estimate import Estimate


@click.command(
    "sweep",
    cls=Subcommand,
    example="prunetune sweep configs/quickstart.yaml --set search.trials_per_arm=4 --max-concurrent 2",
)
@study_parameters
@storage_option
@launch_options
@click.option("--dry-run", is_flag=True, help="only say what would run, and what it would cost")
def command(
    study: Path, name: str | None, sets: tuple[str, ...], storage: Path, dry_run: bool, take_over: bool, **launch: Any
) -> Outcome:
    """Run a study under Ray Tune, to its report and its best configuration."""
    asked = load_study(study, sets, name=name)
    if dry_run:
        from search.tuning.estimate import estimate

        cost = estimate(asked.with_resources(**launch))
        return Outcome(cost.to_json(), estimate_text(cost))
    return sweep(asked, storage, take_over=take_over, **launch)


def sweep(asked: Study, storage: Path, *, take_over: bool = False, **launch: Any) -> Outcome:
    """Drive the study's run, begun or not, to its report and its best configuration; `launch` as `drive_command` takes it."""
    check_writable(storage / asked.name, "--storage")
    RunFolder((storage / asked.name).resolve()).update()
    begun, this_time = (storage / asked.name / "study.yaml").exists(), asked.with_resources(**launch)
    if not begun:
        announce("loading torch and checking data, networks and initial weights")
    from search.commands.launch import drive_command
    from search.tuning.cluster.background import BackgroundRay
    from search.tuning.own.checks import check_own_search

    if begun:
        return drive_command(
            asked, open_run(storage, asked, this_time, take_over=take_over), take_over=take_over, **launch
        )
    ray = BackgroundRay(this_time.resources, outstanding_trials(this_time, ()))
    try:
        ray.begin()
        # Before the run has a folder: nothing is written of a request that is wrong.
        check_own_search(asked)
        asked = with_found_weights(asked)
        checked = check_study(asked.with_resources(**launch))
        return drive_command(asked, open_run(storage, asked), take_over=take_over, **launch, checked=checked, ray=ray)
    except BaseException:
        # What is wrong is said at once, not when Ray has come up and gone.
        ray.give_up()
        afterwards(ray.close)
        raise


def estimate_text(cost: Estimate) -> str:
    """What `--dry-run` prints."""
    lines = [
        f"{arm.arm}: {arm.search_trials} search, {arm.confirm_trials} confirm trials of {arm.epochs_per_trial:.3g} epochs"
        for arm in cost.arms
    ]
    lines.append(f"in all {cost.trials} trials, {cost.epochs:.0f} epochs, {cost.concurrent} trials at once")
    if cost.spared_epochs:
        share = 100 * cost.spared_epochs / cost.epochs
        lines.append(
            f"of these {cost.spared_epochs:.0f} epochs ({share:.0f} %) are a state 0 that another trial of the same seed "
            "trains, and are taken over; of later states it may be more"
        )
    if cost.seconds is not None:
        lines.append(
            f"{time_text(cost.seconds)} ({TIMED}), and at most {cost.training_macs:.3g} training MACs and "
            f"{gigabytes(cost.disk_bytes or 0)} of disk"
        )
    lines += [f"warning: {warning}" for warning in cost.warnings]
    return "\n".join([f"{cost.study}: nothing was started", *lines])
