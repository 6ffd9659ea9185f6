"""Arms at equal training cost: validation accuracy when both have spent as many training MACs. Exploratory, always.

At one cost two arms may stand at different sizes, so each row says how much of either network is left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from statistics import fmean
from typing import Any

from search.evidence.contrasts import AtState0, at_state0
from search.evidence.paired.differences import dense_value, state0_differences
from search.evidence.paired.units import Pair, pairs_of, unit_means, whole_units
from search.evidence.statistics import subset_means
from search.run.curves import Quantity, mean_or_none
from search.run.results import RunResults
from search.run.trials import RecordedTrial

SHARES = (0.5, 0.75, 1.0)
"""Of the largest training cost that both arms reach."""


@dataclass(frozen=True)
class ArmAtCost:
    """An arm at one training cost, means over its trials: accuracy in [0, 1], removed_percent in 0..100, and the share of
    dense MACs that is left."""

    val_accuracy: float
    removed_percent: float
    macs_share: float


@dataclass(frozen=True)
class EqualCost:
    """One arm and the baseline at `training_macs`; `difference` is arm minus baseline, paired by unit where there are
    confirm trials that both survived. `reason` says why a pair of arms cannot be compared so."""

    arm: str
    baseline: str
    training_macs: float | None = None
    ours: ArmAtCost | None = None
    theirs: ArmAtCost | None = None
    difference: float | None = None
    differences: dict[int, float] = field(default_factory=dict)
    interval: tuple[float, float] | None = None
    """Simultaneous over all rows that have pairs; None where there are no pairs."""
    interval_single: tuple[float, float] | None = None
    state0: AtState0 | None = None
    """The same trials on validation before anything was pruned."""
    pairs: int = 0
    reason: str | None = None

    def to_json(self) -> dict[str, Any]:
        differences = {str(unit): value for unit, value in self.differences.items()}
        return {**asdict(self), "differences": differences, "exploratory": True}


def equal_cost(results: RunResults, baseline: str, alpha: float) -> list[EqualCost]:
    """Every other arm against the baseline, or whom the study names in its place, at shares of the largest training cost that
    all trials of both reach.

    Curves are straight between a trial's states and never extrapolated, so a share before the first state's end is left out.
    """
    rows: list[EqualCost] = []
    for arm in results.arm_names:
        other = results.study.compare.opponent_of(arm, baseline)
        ours, theirs = results.representatives(arm), results.representatives(other)
        if arm == baseline or not ours or not theirs:
            continue
        costs = common_costs([*ours, *theirs])
        if not costs:
            reason = f"no training cost lies within the curves of both {arm} and {other}"
            rows.append(EqualCost(arm, other, reason=reason))
        pairs = whole_units(results, pairs_of(results, arm, other))
        rows += [_row(arm, other, cost, ours, theirs, pairs) for cost in costs]
    family = sum(row.pairs > 0 for row in rows)
    return [_with_intervals(row, alpha, family) if row.pairs else row for row in rows]


def common_costs(trials: Sequence[RecordedTrial]) -> list[float]:
    """The training MACs to compare at, rising; empty where the trials' curves have no cost in common."""
    curves = [trial.curve("training_macs").x for trial in trials]
    first, last = max(curve[0] for curve in curves), min(curve[-1] for curve in curves)
    return [share * last for share in SHARES if share * last >= first]


def _row(
    arm: str,
    baseline: str,
    cost: float,
    ours: Sequence[RecordedTrial],
    theirs: Sequence[RecordedTrial],
    pairs: Sequence[Pair],
) -> EqualCost:
    found = unit_means(
        pairs, lambda pair: _at(pair.ours, cost, "val_accuracy") - _at(pair.theirs, cost, "val_accuracy")
    )
    paired = {unit: value for unit, value in found.items() if value is not None}
    first, second = _arm_at(ours, cost), _arm_at(theirs, cost)
    difference = fmean(paired.values()) if paired else first.val_accuracy - second.val_accuracy
    return EqualCost(
        arm=arm,
        baseline=baseline,
        training_macs=cost,
        ours=first,
        theirs=second,
        difference=difference,
        differences=paired,
        state0=_at_state0(difference, paired, pairs, ours, theirs),
        pairs=len(paired),
    )


def _at_state0(
    difference: float,
    paired: Mapping[int, float],
    pairs: Sequence[Pair],
    ours: Sequence[RecordedTrial],
    theirs: Sequence[RecordedTrial],
) -> AtState0 | None:
    """Paired like the difference itself; without pairs of the trials' means, and then untested."""
    if paired:
        return at_state0(paired, state0_differences(pairs, "val_accuracy"))
    first, second = (
        mean_or_none([dense_value(trial, "val_accuracy") for trial in trials]) for trials in (ours, theirs)
    )
    if first is None or second is None:
        return None
    return AtState0(first - second, None, first - second - difference, None)


def _with_intervals(row: EqualCost, alpha: float, family: int) -> EqualCost:
    means = subset_means(list(row.differences.values()))
    return replace(row, interval=means.interval(alpha / family), interval_single=means.interval(alpha))


def _arm_at(trials: Sequence[RecordedTrial], cost: float) -> ArmAtCost:
    return ArmAtCost(
        val_accuracy=fmean(_at(trial, cost, "val_accuracy") for trial in trials),
        removed_percent=fmean(_at(trial, cost, "removed_percent") for trial in trials),
        macs_share=fmean(_at(trial, cost, "macs") / trial.dense_macs for trial in trials),
    )


def _at(trial: RecordedTrial, cost: float, quantity: Quantity) -> float:
    value = trial.curve("training_macs", quantity).at(cost)
    assert value is not None, "the cost lies within every curve"
    return value
