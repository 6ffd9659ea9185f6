"""What one arm and the baseline measured at one level, unit by unit, before any test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from search.evidence.paired.images import ImageDifferences, image_differences
from search.evidence.paired.scope import scope_text, unit_word
from search.evidence.paired.units import Pair, pairs_of, unit_means, whole_units, within_share
from search.run.curves import Quantity
from search.run.results import RunResults
from search.run.trials import RecordedTrial
from search.study.claims import OF_SEARCH
from search.study.sections import Level


@dataclass(frozen=True)
class Measured:
    """Differences by unit are arm minus baseline, in accuracy (a point is 0.01); a unit is mostly a confirm seed.

    Only pairs of trials that both survived have a difference; `lost` counts the others. `reason` says why two arms are
    not comparable, and then there are no differences.
    """

    arm: str
    baseline: str
    level: Level
    differences: dict[int, float]
    state0: dict[int, float] | None = None
    """The same units before anything was pruned; None where a trial has no dense state 0, as `scratch`."""
    lost: int = 0
    scope: str = ""
    unit: str = "seed"
    within_share: float | None = None
    """See `within_share` in units.py."""
    images: ImageDifferences | None = None
    cost_ratio: float | None = None
    """Training MACs spent up to the level, arm over baseline."""
    reason: str | None = None


def last_level(results: RunResults, arms: Sequence[str]) -> list[Level]:
    """The last state, on equal terms: the largest removed percentage that every confirmed trial of `arms` reaches.

    Empty where none of them has a confirmed trial.
    """
    reached = [trial.last.removed_percent for arm in arms for trial in results.confirmed(arm)]
    return [Level(axis="removed_percent", value=min(reached))] if reached else []


def measure(results: RunResults, arm: str, baseline: str, level: Level, *, with_images: bool = False) -> Measured:
    """The paired differences of one contrast. `with_images`: on the test split also image by image."""
    metric = results.study.compare.metric
    pairs = pairs_of(results, arm, baseline)
    lost = sum(not pair.survived for pair in pairs)
    survived = whole_units(results, pairs)
    reason = _not_comparable(results, arm, baseline, level, pairs, survived)
    if reason is not None:
        return Measured(arm, baseline, level, {}, lost=lost, reason=reason)
    found = unit_means(survived, lambda pair: _difference(pair, level, metric))
    return Measured(
        arm=arm,
        baseline=baseline,
        level=level,
        differences={unit: value for unit, value in found.items() if value is not None},
        # Where nothing is removed, what was there before is the difference itself.
        state0=None if _is_dense(level) else state0_differences(survived, metric),
        lost=lost,
        scope=scope_text(survived, results.study.compare),
        unit=unit_word(results.study.compare.claim),
        within_share=within_share(survived, lambda pair: _difference(pair, level, metric)),
        images=image_differences(survived, level) if with_images and metric == "test_accuracy" else None,
        cost_ratio=_cost_ratio(survived, level),
    )


def _is_dense(level: Level) -> bool:
    """Whether a level is that of the whole network."""
    return level.value == (0 if level.axis == "removed_percent" else 1)


def state0_differences(pairs: Sequence[Pair], metric: Quantity) -> dict[int, float] | None:
    """Arm minus baseline at the end of state 0, by unit; None where a trial's state 0 is no dense network's."""
    found = unit_means(pairs, lambda pair: _minus(dense_value(pair.ours, metric), dense_value(pair.theirs, metric)))
    known = {unit: value for unit, value in found.items() if value is not None}
    return known if known and len(known) == len(found) else None


def dense_value(trial: RecordedTrial, quantity: Quantity) -> float | None:
    """A figure of the trial's network before anything was removed from it."""
    first = trial.states[0]
    return float(getattr(first, quantity)) if first.removed_percent == 0 else None


def _not_comparable(
    results: RunResults, arm: str, baseline: str, level: Level, pairs: Sequence[Pair], survived: Sequence[Pair]
) -> str | None:
    claim = results.study.compare.claim
    unit, ended = unit_word(claim), "finished" if claim in OF_SEARCH else "confirmed"
    for name in (arm, baseline):
        if not any(trial.finished or trial.diverged for trial in results.evidence(name)):
            return f"{name} has no {ended} trial"
        if any(_at(trial, level, "val_accuracy") is None for trial in results.confirmed(name)):
            return f"{name} does not reach {level.text} on every {unit}"
    if not pairs:
        return f"{arm} and {baseline} share no {ended} {unit}"
    if survived:
        return None
    ours, theirs = (sum(getattr(pair, side).diverged for pair in pairs) for side in ("ours", "theirs"))
    if any(pair.survived for pair in pairs):
        all_of = (
            "in no fold did both get through every seed"
            if claim == "folds"
            else "at no seed did both get through every recipe"
        )
        return f"{all_of} ({ours} of {arm}'s and {theirs} of {baseline}'s trials diverged)"
    return f"no pair of trials survived (of {len(pairs)} each, {ours} of {arm} and {theirs} of {baseline} diverged)"


def _difference(pair: Pair, level: Level, metric: Quantity) -> float | None:
    return _minus(_at(pair.ours, level, metric), _at(pair.theirs, level, metric))


def _minus(ours: float | None, theirs: float | None) -> float | None:
    return None if ours is None or theirs is None else ours - theirs


def _at(trial: RecordedTrial, level: Level, quantity: Quantity) -> float | None:
    return trial.curve(level.axis, quantity).at(level.value)


def _cost_ratio(pairs: Sequence[Pair], level: Level) -> float | None:
    ours = _mean_cost([pair.ours for pair in pairs], level)
    theirs = _mean_cost([pair.theirs for pair in pairs], level)
    return ours / theirs if ours and theirs else None


def _mean_cost(trials: Sequence[RecordedTrial], level: Level) -> float | None:
    known = [cost for trial in trials if (cost := _at(trial, level, "training_macs")) is not None]
    return fmean(known) if known else None
