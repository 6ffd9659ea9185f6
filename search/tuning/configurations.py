"""An arm's configurations: the search trials of one number, over the seeds each of them runs on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from search.run.curves import mean_or_none, objective_value
from search.run.trials import RecordedTrial
from search.study.objectives import Objective
from trainables.files.record import StateEnd

Told = Literal["running", "complete", "pruned", "fail"]


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

    def told(self) -> Told:
        """What a search algorithm is told of it: a crash or divergence on any seed is a failure."""
        statuses = {trial.status for trial in self.trials}
        if statuses & {"failed", "diverged"}:
            return "fail"
        if len(self.trials) < self.wanted or not all(trial.ended for trial in self.trials):
            return "running"
        return "pruned" if "stopped" in statuses else "complete"

    def curves(self) -> list[list[StateEnd]]:
        return [list(trial.record.states) if trial.record else [] for trial in self.trials]

    def value(self, objective: Objective) -> float | None:
        """The mean over the seeds at the last state; None where one of them has no value."""
        return mean_or_none([objective_value(states, objective) for states in self.curves()])

    def intermediate(self, objective: Objective) -> dict[int, float]:
        """State → mean over the seeds, for the states that every seed has completed."""
        curves = self.curves()
        plain = objective.model_copy(update={"at": None})
        means: dict[int, float] = {}
        for state in range(min(len(states) for states in curves)):
            mean = mean_or_none([objective_value(states[: state + 1], plain) for states in curves])
            if mean is not None:
                means[state] = mean
        return means


def configurations_of_arm(trials: Iterable[RecordedTrial], arm: str, wanted: int) -> tuple[Configuration, ...]:
    """An arm's search trials by number, in order."""
    by_number: dict[int, list[RecordedTrial]] = {}
    for trial in trials:
        if trial.identity.arm == arm and trial.identity.phase == "search":
            by_number.setdefault(trial.identity.number, []).append(trial)
    return tuple(Configuration(arm, number, tuple(by_number[number]), wanted) for number in sorted(by_number))
