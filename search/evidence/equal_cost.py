"""Arms at equal training cost: validation accuracy when both have spent as many training MACs. Exploratory, always.

At one cost two arms may stand at different sizes, so each row says how much of either network is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

from search.evidence.statistics import subset_means
from search.run.curves import Quantity
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
    """One arm and the baseline at `training_macs`; `difference` is arm minus baseline, paired by seed where there are
    confirm trials. `reason` says why a pair of arms cannot be compared so."""

    arm: str
    baseline: str
    training_macs: float | None = None
    ours: ArmAtCost | None = None
    theirs: ArmAtCost | None = None
    difference: float | None = None
    interval: tuple[float, float] | None = None
    """Of single tests, uncorrected for how many there are; None where there are no pairs of seeds."""
    pairs: int = 0
    reason: str | None = None

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "exploratory": True}


def equal_cost(results: RunResults, baseline: str, alpha: float) -> list[EqualCost]:
    """Every other arm against the baseline, at shares of the largest training cost that all trials of both reach.

    Curves are straight between a trial's states and never extrapolated, so a share before the first state's end is left out.
    """
    theirs = results.representatives(baseline)
    rows: list[EqualCost] = []
    for arm in results.arm_names:
        ours = results.representatives(arm)
        if arm == baseline or not ours or not theirs:
            continue
        costs = common_costs([*ours, *theirs])
        if not costs:
            reason = f"no training cost lies within the curves of both {arm} and {baseline}"
            rows.append(EqualCost(arm, baseline, reason=reason))
        rows += [_row(arm, baseline, cost, ours, theirs, alpha) for cost in costs]
    return rows


def common_costs(trials: Sequence[RecordedTrial]) -> list[float]:
    """The training MACs to compare at, rising; empty where the trials' curves have no cost in common."""
    curves = [trial.curve("training_macs").x for trial in trials]
    first, last = max(curve[0] for curve in curves), min(curve[-1] for curve in curves)
    return [share * last for share in SHARES if share * last >= first]


def _row(
    arm: str, baseline: str, cost: float, ours: Sequence[RecordedTrial], theirs: Sequence[RecordedTrial], alpha: float
) -> EqualCost:
    mine, others = _by_seed(ours, cost), _by_seed(theirs, cost)
    paired = [mine[seed] - others[seed] for seed in sorted(mine.keys() & others.keys())] if len(ours) > 1 else []
    first, second = _arm_at(ours, cost), _arm_at(theirs, cost)
    return EqualCost(
        arm=arm,
        baseline=baseline,
        training_macs=cost,
        ours=first,
        theirs=second,
        difference=fmean(paired) if paired else first.val_accuracy - second.val_accuracy,
        interval=subset_means(paired).interval(alpha) if paired else None,
        pairs=len(paired),
    )


def _by_seed(trials: Sequence[RecordedTrial], cost: float) -> dict[int, float]:
    found: dict[int, list[float]] = {}
    for trial in trials:
        found.setdefault(trial.identity.seed, []).append(_at(trial, cost, "val_accuracy"))
    return {seed: fmean(values) for seed, values in found.items()}


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
