"""The test split, looked at once: for the network that was chosen on validation, and between the arms' final networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from search.evidence.paired.images import images_right
from search.evidence.paired.scope import test_split
from search.evidence.selection import Choice, choice_of, final_trial, why_nothing
from search.evidence.statistics import McNemar, mcnemar, wilson_interval
from search.run.results import RunResults
from search.run.trials import RecordedTrial


@dataclass(frozen=True)
class FinalTest:
    """Test accuracy of the network that was chosen on validation, how and among how many, and McNemar's test between arms."""

    id: str
    arm: str
    state: int
    accuracy: float | None
    """None where there is no test split (`data.test_fraction: 0`)."""
    interval: tuple[float, float] | None
    """Wilson's, from the per-image predictions; None where these were not kept."""
    images: int | None
    choice: Choice
    """By what it was chosen, and from how many."""
    between: tuple[tuple[str, str, McNemar], ...]
    """Pairs of trial ids, the arms' final networks, and the test between them."""

    def to_json(self) -> dict[str, Any]:
        others = {key: value for key, value in self.__dict__.items() if key != "choice"}
        return {
            **others,
            "candidates": self.choice.configurations,
            "confirmed_configurations": self.choice.confirmed,
            "confirm_trials": self.choice.confirm_trials,
            "seeds": self.choice.seeds,
            "chosen_by": self.choice.criterion,
            "searches": self.choice.searches,
            "between": [{"first": a, "second": b, **result.__dict__} for a, b, result in self.between],
        }


@dataclass(frozen=True)
class NothingChosen:
    """The test split was not looked at, since there is no network to look with."""

    reason: str
    between: tuple[()] = ()

    def to_json(self) -> None:
        return None


def final_test(results: RunResults) -> FinalTest | NothingChosen:
    """Look at the test split once, where a network can be chosen. UserError for a damaged predictions file."""
    best = final_trial(results)
    if best is None:
        return NothingChosen(why_nothing(results))
    right = images_right(best)
    finals = [final for arm in results.arm_names if (final := final_trial(results, arm)) is not None]
    return FinalTest(
        id=best.id,
        arm=best.identity.arm,
        state=best.last.state,
        accuracy=best.last.test_accuracy,
        interval=wilson_interval(sum(right), len(right)) if right else None,
        images=len(right) if right else None,
        choice=choice_of(results),
        between=tuple(_between(finals)),
    )


def _between(finals: Sequence[RecordedTrial]) -> list[tuple[str, str, McNemar]]:
    rights = [(trial, right) for trial in finals if (right := images_right(trial))]
    return [
        (first.id, second.id, mcnemar(ours, theirs))
        for (first, ours), (second, theirs) in combinations(rights, 2)
        if len(ours) == len(theirs) and test_split(first) == test_split(second)
    ]
