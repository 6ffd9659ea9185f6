"""An arm's configurations: the search trials of one number, over the seeds each of them runs on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from optuna.trial import TrialState

from search.run.best import value_of
from search.run.curves import mean_or_none, metric_of
from search.run.trials import RecordedTrial
from search.study.objectives import Objective
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
