"""Whether RSST's penalty acted, by what its removals cost: an arm of which it did not is named in the verdict."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean

from pruning.catalogue import is_dear
from search.evidence.formats import counted, percent, points
from search.run.results import RunResults
from search.run.trials import RecordedTrial
from search.study.claims import OF_SEARCH


@dataclass(frozen=True)
class RemovalCost:
    """What the dearest of an arm's removals cost, on average over its trials: validation accuracy before and after."""

    arm: str
    state: int
    before: float
    after: float
    trials: int
    confirmed: bool
    overall: float | None
    """Accuracy lost at a removal, on average over all states, in [-1, 1]; None with removals in one state only."""

    @property
    def lost(self) -> float:
        return self.before - self.after

    def sentence(self) -> str:
        phase = "confirm" if self.confirmed else "search"
        count = counted(self.trials, f"{phase} trial")
        overall = "" if self.overall is None else f"; {points(self.overall, sign=False)} a removal over all states"
        return (
            f"In arm {self.arm} the penalty did not act: the removal in state {self.state} cost "
            f"{points(self.lost, sign=False)} points of validation accuracy ({percent(self.before)} just before, "
            f"{percent(self.after)} just after; mean of {count}{overall}), so what is said of the arm is said of removal "
            "without shrinking."
        )


def removal_cost(results: RunResults, arm: str) -> RemovalCost | None:
    """Of the arm's trials that shrink before they remove, those confirmed where there are any; None without a removal.

    Recipes with different schedules remove other things in their states, and so are counted apart.
    """
    by_state: dict[tuple[str, int], list[tuple[float, float]]] = {}
    for name, trials in results.by_recipe(arm).items():
        for trial in trials:
            for state, before, after in _removals(trial) if trial.traits.shrinks else ():
                by_state.setdefault((name, state), []).append((before, after))
    if not by_state:
        return None
    means = {
        place: (fmean(pair[0] for pair in pairs), fmean(pair[1] for pair in pairs)) for place, pairs in by_state.items()
    }
    name, state = dearest = max(means, key=lambda place: means[place][0] - means[place][1])
    alike = [pairs for (other, _), pairs in by_state.items() if other == name]
    overall = fmean(before - after for pairs in alike for before, after in pairs) if len(alike) > 1 else None
    return RemovalCost(name, state, *means[dearest], len(by_state[dearest]), _confirmed(results, arm), overall)


def _confirmed(results: RunResults, arm: str) -> bool:
    return bool(results.confirmed(arm)) and results.study.compare.claim not in OF_SEARCH


def penalty_sentences(results: RunResults) -> list[str]:
    """One for each arm whose dearest removal cost more than a point: its penalty did not act."""
    costs = [cost for arm in results.arm_names if (cost := removal_cost(results, arm)) is not None]
    return [cost.sentence() for cost in costs if is_dear(cost.before, cost.after)]


def _removals(trial: RecordedTrial) -> list[tuple[int, float, float]]:
    """(state, validation accuracy just before, just after) of each of its removals."""
    ends = [(end.state, end.removal) for end in trial.states if end.removal]
    return [(state, removal["val_accuracy_before"], removal["val_accuracy_after"]) for state, removal in ends]
