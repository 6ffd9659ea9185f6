"""What an arm's trials come to: one row of the comparison."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from search.evidence.paired.scope import trials_word
from search.evidence.paired.units import replicates
from search.evidence.statistics import mean_interval
from search.evidence.winner import Winner, winners
from search.run.curves import mean_or_none
from search.run.results import RunResults
from search.run.trials import RecordedTrial
from search.study.claims import seeds_in_fold

SINGLE = "single trial"
"""The basis of an arm that `prunetune trial` alone has run: nothing was searched."""


@dataclass(frozen=True)
class Confirmed:
    """An arm's accuracy over confirm seeds at the last state, of the trials that survived; None where none did."""

    mean: float | None
    interval: tuple[float, float] | None
    by_seed: dict[int, float]
    diverged: int
    missing: int
    """Confirm trials that failed, were stopped or have not ended."""
    deviation: float | None = None
    """Standard deviation (n - 1) of the units' means; None of fewer than two."""
    runs: int = 0
    """The trials that finished, in all units."""
    runs_mean: float | None = None
    runs_deviation: float | None = None
    """The same over single trials. They are no independent samples where a unit has several."""

    def to_json(self) -> dict[str, Any]:
        return {
            "n": len(self.by_seed),
            **self.__dict__,
            "by_seed": {str(seed): value for seed, value in self.by_seed.items()},
        }


@dataclass(frozen=True)
class ArmSummary:
    """One row of the comparison table; sizes and costs are means over the trials that `basis` names."""

    arm: str
    method: str
    counts: dict[str, int]
    """Search trials by status."""
    best_id: str | None
    best_accuracy: float | None
    """Validation accuracy at the last state of the search's best finished trial: a winner's score."""
    confirmed: Confirmed | None
    basis: str
    removed_percent: float | None
    removed_of_all_percent: float | None
    """Of all parameters, where `removed_percent` is of those that the target's units hold."""
    params: float | None
    macs: float | None
    macs_share: float | None
    training_macs: float | None
    seconds: float | None
    winners: tuple[Winner, ...] = ()
    """What each search chose for the arm, the searched keys and their values."""

    @property
    def accuracy(self) -> float | None:
        """What the arm is ranked by: confirmed where there is a confirmed mean, else the search's best."""
        return self.confirmed.mean if self.confirmed else self.best_accuracy

    def to_json(self) -> dict[str, Any]:
        confirmed = self.confirmed.to_json() if self.confirmed else None
        return {**self.__dict__, "confirmed": confirmed, "winners": [dict(vars(one)) for one in self.winners]}


def confirmed_values(
    results: RunResults, arm: str, value_of: Callable[[RecordedTrial], float | None]
) -> dict[int, float | None]:
    """Unit → mean of `value_of(trial)` over the arm's finished confirm trials; None where one of them has no value.

    A trial that diverged has no value and takes no part; a unit in which all did is left out. So is a fold in which one did,
    or has not ended, as contrasts leave it out: seeds differ, and its mean would be of fewer.
    """
    found = {
        unit: [value_of(trial) for trial in places.values() if trial.finished]
        for unit, places in replicates(results, arm).items()
    }
    fewest = seeds_in_fold(results.study) if results.study.compare.claim == "folds" else 1
    return {unit: mean_or_none(values) for unit, values in found.items() if len(values) >= fewest}


def summarise_arm(results: RunResults, arm: str, metric: str, alpha: float) -> ArmSummary:
    trials = results.of_arm(arm)
    best = results.best_of_arm(arm)
    measured = results.representatives(arm)
    ends = [trial.last for trial in measured]
    return ArmSummary(
        arm=arm,
        method=trials[0].method if trials else "",
        counts=dict(Counter(trial.status for trial in results.searched(arm))),
        best_id=best.identity.id if best else None,
        best_accuracy=best.last.val_accuracy if best else None,
        confirmed=_confirmed(results, arm, metric, alpha),
        basis=_basis(results, arm),
        removed_percent=mean_or_none([end.removed_percent for end in ends]),
        removed_of_all_percent=mean_or_none([trial.removed_of_all_percent(trial.last) for trial in measured]),
        params=mean_or_none([end.params for end in ends]),
        macs=mean_or_none([end.macs for end in ends]),
        macs_share=mean_or_none([trial.last.macs / trial.dense_macs for trial in measured]),
        training_macs=mean_or_none([end.training_macs for end in ends]),
        seconds=mean_or_none([end.seconds for end in ends]),
        winners=winners(results, arm),
    )


def _basis(results: RunResults, arm: str) -> str:
    if results.confirmed(arm):
        return f"{trials_word(results.study.compare.claim)}s"
    phases = {trial.identity.phase for trial in results.searched(arm)}
    return SINGLE if phases == {"trial"} else "best search trial"


def _confirmed(results: RunResults, arm: str, metric: str, alpha: float) -> Confirmed | None:
    trials = results.evidence(arm)
    values = confirmed_values(results, arm, lambda trial: getattr(trial.last, metric))
    by_seed = {seed: value for seed, value in values.items() if value is not None}
    runs = [value for one in trials if one.finished and (value := getattr(one.last, metric)) is not None]
    statuses = Counter(trial.status for trial in trials)
    if not runs and not statuses["diverged"]:
        return None
    return Confirmed(
        mean=fmean(by_seed.values()) if by_seed else None,
        interval=_within_range(mean_interval(list(by_seed.values()), alpha)),
        by_seed=by_seed,
        diverged=statuses["diverged"],
        missing=len(trials) - statuses["diverged"] - statuses["finished"],
        deviation=_deviation(list(by_seed.values())),
        runs=len(runs),
        runs_mean=fmean(runs) if runs else None,
        runs_deviation=_deviation(runs),
    )


def _deviation(values: Sequence[float]) -> float | None:
    return stdev(values) if len(values) > 1 else None


def _within_range(interval: tuple[float, float] | None) -> tuple[float, float] | None:
    """Student's interval knows nothing of accuracies ending at 0 and 1."""
    return interval and (max(0.0, interval[0]), min(1.0, interval[1]))
