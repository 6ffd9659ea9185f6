"""The search of the dense recipe (`search.state0`), driven before the arms of its study, in runs of its own."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from models import atomic
from models.errors import WorkFailed
from search.console import announce
from search.evidence.formats import values_text
from search.run.best import by_configuration
from search.run.folder import RunFolder
from search.run.preflight import Checked, StartingPoint
from search.run.results import RunResults, recipes_found
from search.study.dense_recipe import DENSE_ARM, SECTION, dense_study, pruning_arms, with_dense_recipes
from search.study.study import Study
from search.tuning.cluster.background import BackgroundRay

if TYPE_CHECKING:
    from search.tuning.drive import Drive, Launch


@dataclass(frozen=True)
class DenseSearch:
    """`study` with what was found in its arms, or as it was where the search was left: then `left` is how."""

    study: Study
    left: Drive | None = None


def search_dense_recipes(
    study: Study,
    run: RunFolder,
    launch: Launch,
    ray: BackgroundRay,
    drive: Callable[[Study, RunFolder, Launch], Drive],
) -> DenseSearch:
    """Find what `search.state0` asks for, where that has not been done. The caller holds the run's lock.

    `drive` runs one study in its folder, as `launch` says. WorkFailed where no trial of state 0 finished.
    """
    if study.search.state0 is None or study.dense_recipes:
        return DenseSearch(study)
    began, results = time.monotonic(), []
    for index in range(study.search.replicates):
        asked, folder = dense_study(study, index), run.dense_run(index)
        _tell_begin(asked, folder)
        if not folder.study_file.exists():
            atomic.write_text(folder.study_file, asked.to_yaml())
        with ray.lent():
            ended = drive(asked, folder, _launch_of(study, run, launch, ray, time.monotonic() - began))
        if ended.left is not None:
            return DenseSearch(study, ended)
        results.append(_with_a_winner(ended.results, run))
    found = with_dense_recipes(study, recipes_found(study, results))
    return DenseSearch(_with_less_time(found, time.monotonic() - began))


def _launch_of(study: Study, run: RunFolder, launch: Launch, ray: BackgroundRay, spent: float) -> Launch:
    """The same launch for a run of state 0: its shared states are the study's, and its time is what is left of it."""
    checked = launch.checked and Checked(_starting_point(study, launch.checked), ())
    budget = _with_less_time(study, spent).resources.time_budget
    stages = run.stages_folder(study.resources)
    return replace(launch, checked=checked, ray=ray, stages=stages, share=study.resources.share, time_budget=budget)


def _starting_point(study: Study, checked: Checked) -> dict[str, StartingPoint]:
    """What state 0 stands on is what every arm with a dense state 0 stands on."""
    return {DENSE_ARM: checked.starting_points[pruning_arms(study)[0].name]}


def _with_less_time(study: Study, spent: float) -> Study:
    budget = study.resources.time_budget
    return study if budget is None else study.with_resources(time_budget=max(budget - spent, 1e-3))


def _with_a_winner(results: RunResults, run: RunFolder) -> RunResults:
    best, trials = results.best_of_arm(DENSE_ARM), len(results.trials)
    if best is None:
        raise WorkFailed(_nothing_found(results, run))
    announce(
        f"search.state0: every arm begins with {values_text(best.values)} ({results.run.name}/{best.id} of {trials})"
    )
    return results


def _nothing_found(results: RunResults, run: RunFolder) -> str:
    tried, counts = len(by_configuration(results.trials)), Counter(trial.status for trial in results.trials)
    said = ", ".join(f"{count} {status}" for status, count in counts.items())
    # What diverged would diverge again, and no launch takes it up.
    remedy = (
        f"mend it, then `prunetune resume {run.path} --retry-failed`"
        if counts["failed"]
        else f"start another run with another space.{SECTION}, such as lower learning rates (--name)"
    )
    return (
        f"{results.run}: search.state0: none of {tried} recipes of state 0 finished on every seed (trials: {said}), so the "
        f"arms have nothing to begin with; see `prunetune status {results.run}`; {remedy}"
    )


def _tell_begin(asked: Study, folder: RunFolder) -> None:
    keys, trials = ", ".join(asked.searched_keys), asked.search.trials_per_arm
    announce(f"search.state0: finding the dense recipe first, {trials} configurations of {keys} ({folder.path})")
