"""One arm against the baseline at one level: paired differences over seeds, the tests on them, and what follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any, Literal

import numpy as np

from search.evidence.arm_summary import confirmed_values
from search.evidence.statistics import bootstrap_interval, holm, seeds_to_settle, subset_means
from search.run.curves import Quantity
from search.run.results import RunResults
from search.run.trials import RecordedTrial
from search.study.sections import CompareConfig, Level

Kind = Literal["better", "worse", "equivalent", "not settled", "not comparable"]


@dataclass(frozen=True)
class Contrast:
    """Differences are arm minus baseline, in accuracy (a point is 0.01); `kind` is what may be said of them."""

    arm: str
    baseline: str
    level: Level
    differences: dict[int, float]
    mean: float | None = None
    interval: tuple[float, float] | None = None
    bootstrap: tuple[float, float] | None = None
    p_value: float | None = None
    p_holm: float | None = None
    p_equivalent: float | None = None
    p_equivalent_holm: float | None = None
    cost_ratio: float | None = None
    """Training MACs spent up to the level, arm over baseline."""
    kind: Kind = "not comparable"
    more_seeds: int | None = None
    """Seeds beyond these that would settle a difference of the margin."""
    reason: str | None = None
    """Why the two are not comparable."""

    def to_json(self) -> dict[str, Any]:
        return {
            **self.__dict__,
            "level": self.level.model_dump(),
            "differences": {str(seed): value for seed, value in self.differences.items()},
        }


def last_level(results: RunResults, arms: Sequence[str]) -> list[Level]:
    """The last state, on equal terms: the largest removed percentage that every confirmed trial of `arms` reaches.

    Empty where none of them has a confirmed trial.
    """
    reached = [trial.last.removed_percent for arm in arms for trial in results.confirmed(arm)]
    return [Level(axis="removed_percent", value=min(reached))] if reached else []


def measure(results: RunResults, arm: str, baseline: str, level: Level) -> Contrast:
    """The paired differences of one contrast and their tests, before any correction for the family."""
    settings = results.study.compare
    ours, theirs = (_at_level(results, name, level, settings.metric) for name in (arm, baseline))
    for name, found in ((arm, ours), (baseline, theirs)):
        if not found:
            return Contrast(arm, baseline, level, {}, reason=f"{name} has no confirmed trial")
        if any(value is None for value in found.values()):
            return Contrast(arm, baseline, level, {}, reason=f"{name} does not reach {level.text} on every seed")
    differences = {
        seed: value - other
        for seed in sorted(set(ours) & set(theirs))
        if (value := ours[seed]) is not None and (other := theirs[seed]) is not None
    }
    if not differences:
        return Contrast(arm, baseline, level, {}, reason=f"{arm} and {baseline} share no confirmed seed")
    values = list(differences.values())
    means = subset_means(values)
    return Contrast(
        arm=arm,
        baseline=baseline,
        level=level,
        differences=differences,
        mean=fmean(values),
        interval=means.interval(settings.alpha),
        bootstrap=bootstrap_interval(values, settings.alpha) if len(values) > 1 else None,
        p_value=means.p_two_sided(),
        p_equivalent=means.p_equivalent(settings.margin / 100),
        cost_ratio=_cost_ratio(results, arm, baseline, level),
    )


def _at_level(results: RunResults, arm: str, level: Level, metric: Quantity) -> dict[int, float | None]:
    return confirmed_values(results, arm, lambda trial: trial.curve(level.axis, metric).at(level.value))


def _cost_ratio(results: RunResults, arm: str, baseline: str, level: Level) -> float | None:
    ours, theirs = (_mean_cost(results.confirmed(name), level) for name in (arm, baseline))
    return ours / theirs if ours and theirs else None


def _mean_cost(trials: Sequence[RecordedTrial], level: Level) -> float | None:
    costs = [trial.curve(level.axis, "training_macs").at(level.value) for trial in trials]
    known = [cost for cost in costs if cost is not None]
    return fmean(known) if known else None


def decide(contrasts: Sequence[Contrast], settings: CompareConfig) -> list[Contrast]:
    """The family's contrasts with Holm's correction and what follows for each.

    Differences and equivalences are corrected as two families, so each kind of claim is wrong at most at `alpha`.
    Those that cannot be compared are no tests and count in neither.
    """
    tested = [index for index, contrast in enumerate(contrasts) if contrast.p_value is not None]
    different = holm([contrasts[index].p_value or 0.0 for index in tested])
    equivalent = holm([contrasts[index].p_equivalent or 0.0 for index in tested])
    decided = list(contrasts)
    for index, p_different, p_equivalent in zip(tested, different, equivalent, strict=True):
        contrast = replace(contrasts[index], p_holm=p_different, p_equivalent_holm=p_equivalent)
        if p_different <= settings.alpha:
            decided[index] = replace(contrast, kind="better" if (contrast.mean or 0.0) > 0 else "worse")
        elif p_equivalent <= settings.alpha:
            decided[index] = replace(contrast, kind="equivalent")
        else:
            decided[index] = _not_settled(contrast, settings, len(tested))
    return decided


def _not_settled(contrast: Contrast, settings: CompareConfig, family: int) -> Contrast:
    values = list(contrast.differences.values())
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else settings.margin / 100
    needed = seeds_to_settle(deviation, settings.margin / 100, settings.alpha, family)
    return replace(contrast, kind="not settled", more_seeds=max(1, needed - len(values)))
