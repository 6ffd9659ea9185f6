"""An arm's configurations: the search trials of one number, over the seeds each of them runs on; and when a search is over."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from optuna.trial import TrialState

from search.run.best import value_of
from search.run.confirming import chosen_trials
from search.run.curves import mean_or_none, metric_of
from search.run.plan import ArmPlan
from search.run.store import TrialStore
from search.run.trials import RecordedTrial
from search.study.arm import Arm
from search.study.objectives import Objective
from search.study.study import Study
from trainables.files.record import StateEnd


@dataclass(frozen=True)
class Configuration:
    """`trials` are this configuration's, one per seed and at least one; `wanted` is how many there will be."""

    arm: str
    number: int
    trials: tuple[RecordedTrial, ...]
    wanted: int

    @property
    def values(self) -> dict[str, Any]:
        return self.trials[0].values

    @property
    def drawn(self) -> dict[str, Any]:
        return self.trials[0].drawn

    @property
    def curves(self) -> list[Sequence[StateEnd]]:
        return [trial.states for trial in self.trials]

    def told(self) -> TrialState:
        """What Optuna is told of it: a crash or divergence on any seed is a failure."""
        statuses = {trial.status for trial in self.trials}
        if statuses & {"failed", "diverged"}:
            return TrialState.FAIL
        if len(self.trials) < self.wanted or not all(trial.ended for trial in self.trials):
            return TrialState.RUNNING
        return TrialState.PRUNED if "stopped" in statuses else TrialState.COMPLETE

    def value(self, objective: Objective) -> float | None:
        """The mean over the seeds at the last state; None where one of them has no value."""
        return mean_or_none([value_of(trial, objective) for trial in self.trials])

    def intermediate(self, objective: Objective) -> dict[int, float]:
        """State → mean over the seeds, for the states that every seed has completed."""
        return {
            state: fmean(metric_of(end, objective.metric) for end in ends)
            for state, ends in enumerate(zip(*self.curves, strict=False))
        }


def configurations_of_arm(
    trials: Iterable[RecordedTrial], arm: str, wanted: int, replicate: int = 0
) -> tuple[Configuration, ...]:
    """The trials of one of an arm's searches by number, in order."""
    by_number: defaultdict[int, list[RecordedTrial]] = defaultdict(list)
    for trial in trials:
        one = trial.identity
        if (one.arm, one.phase, one.replicate) == (arm, "search", replicate):
            by_number[one.number].append(trial)
    return tuple(Configuration(arm, number, tuple(found), wanted) for number, found in sorted(by_number.items()))


def structure_source(study: Study, trials: TrialStore, plans: Sequence[ArmPlan], plan: ArmPlan) -> str | None:
    """The file that the `scratch` control takes its structure from; `wait` while its arm is still being searched.

    None for every other method, and where the configuration names a file itself.
    """
    if not takes_a_structure(study.arms[plan.arm]):
        return None
    named = study.arms[plan.arm].value("prune.scratch.arm")
    searches = [one for one in plans if one.arm == named and one.replicate in (0, plan.replicate)]
    if not all(search_is_over(trials, one) for one in searches):
        return "wait"
    best = chosen_trials(study, trials, plan.replicate).get(str(named))
    return None if best is None else str(best.folder / str(best.last.file))


def takes_a_structure(arm: Arm) -> bool:
    """Whether an arm's trials start from the network that another arm chose."""
    return arm.traits.from_scratch and arm.value("prune.scratch.file") is None


def search_is_over(trials: TrialStore, plan: ArmPlan) -> bool:
    """Whether all of an arm's trials in one search have ended."""
    found = [trials.get(trial_id) for trial_id in plan.search_ids]
    return all(trial is not None and trial.ended for trial in found)
