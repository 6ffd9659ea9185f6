"""What the sub-commands of the same names do, from Python. Progress goes to standard error, as theirs does."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from models.errors import INTERRUPTED
from prunetune.runs import Run
from prunetune.studies import study_of
from prunetune.trials import Trial
from search.commands.common import working_copy
from search.commands.compare import Compared, compare_arms
from search.study.study import Study

if TYPE_CHECKING:
    from search.export.export import Exported

Place = str | os.PathLike[str]


def run_trial(
    study: Study | Place, arm: str | None = None, *, seed: int | None = None, storage: Place = "runs"
) -> Trial:
    """Run one trial of a study in this process, without Ray, to its end; the same again goes on where it was left, or gives
    the finished result.

    `arm` is needed where the study has several; `seed` replaces `trial.seed`. It is written to `storage`, a folder or URL,
    under the study's name. What became of it is its `status`. UserError where the request is wrong, WorkFailed where it is
    right and could not be carried out.
    """
    from search.commands import trial

    asked = study_of(study)
    chosen = trial.chosen_arm(asked, arm)
    folder = _storage(storage)
    trial.run_trial(asked, chosen, seed, folder)
    return Run(folder / asked.name).trial(chosen.name)


def sweep(
    study: Study | Place,
    *,
    storage: Place = "runs",
    max_concurrent: int | None = None,
    time_budget: float | None = None,
    address: str | None = None,
) -> Run:
    """Run a study under Ray Tune, to its report and its best configuration; the same again goes on where it was left.

    At most `max_concurrent` trials at once; no epoch is begun after `time_budget` seconds; `address` is of a running cluster.
    Call it from the main thread, which hears Ctrl-C: that raises KeyboardInterrupt once all is written.
    """
    from search.commands import sweep as sweeping
    from search.console import clear_away

    asked, folder = study_of(study), _storage(storage)
    try:
        outcome = sweeping.sweep(
            asked,
            folder,
            max_concurrent=max_concurrent,
            time_budget=time_budget,
            address=address,
            stages=None,
            share=None,
        )
    finally:
        clear_away()
    if outcome.exit_status == INTERRUPTED:
        raise KeyboardInterrupt
    return Run(folder / asked.name)


def compare(run: Run | Place) -> Compared:
    """The arms of a run side by side: `print` shows it as the command does, `verdict` is what is claimed, in words,
    `comparison` has the arms' rows and the contrasts, `test` the one look at the test split, `to_json()` all of it.

    UserError where no trial has finished, or where there is one arm alone.
    """
    return compare_arms(_run(run).results)


def report(run: Run | Place, out: Place | None = None, *, static: bool = False) -> Path:
    """Write a run's report, by default into its folder's `report/`; returns the page. A `static` one holds no script.

    UserError where no trial has finished.
    """
    from search.commands.report import write_pages

    results = _run(run).results
    folder = results.run / "report" if out is None else Path(out)
    return folder / write_pages([results], folder, static=static)[0]


def export(
    run: Run | Place,
    out: Place | None = None,
    *,
    max_macs: float | None = None,
    max_params: float | None = None,
    max_latency_ms: float | None = None,
    arm: str | None = None,
    state: str | None = None,
    force: bool = False,
) -> Exported:
    """Write the best network of a run within budgets, by default into its folder's `export/`.

    Args:
        run: a run, its folder or its URL.
        out: the folder to write to.
        max_macs: multiply-accumulates of an image; up to 1 it is a share of the dense network's.
        max_params: parameters.
        max_latency_ms: milliseconds per image on this machine's processor, one image at a time.
        arm: only networks of this arm.
        state: this very state, such as `refill-003:4`, and no budget.
        force: write into a folder in use too; only files of an export's names are replaced there.

    Raises:
        UserError: nothing keeps to the budget, the network was not kept, or `out` is in use.
    """
    from search.commands.export import take_away
    from search.evidence.selection import Budget

    budget = Budget(max_macs=max_macs, max_params=max_params, max_latency_ms=max_latency_ms)
    place = None if out is None else Path(out)
    return take_away(_run(run).results, budget, state, arm, place, force=force).exported


def _run(run: Run | Place) -> Run:
    return run if isinstance(run, Run) else Run(run)


def _storage(place: Place) -> Path:
    return working_copy(os.fspath(place), 0)
