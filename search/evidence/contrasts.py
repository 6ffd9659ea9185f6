"""One arm against the baseline at one level: the tests on what was measured, and what follows for a family of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import fmean
from typing import Any, Literal

from search.evidence.growth.evalues import evidence
from search.evidence.growth.rule import FIXED, Reading, p_difference, paired_test
from search.evidence.paired.differences import Measured
from search.evidence.statistics import TOLERANCE, bootstrap_interval, holm, seeds_foretold, subset_means
from search.study.claims import fewest_units
from search.study.sections import CompareConfig, Level

Kind = Literal["better", "worse", "equivalent", "not settled", "not comparable"]


@dataclass(frozen=True)
class AtState0:
    """The same pairs before anything was pruned. A difference that is there already is none that pruning made."""

    difference: float
    p_value: float | None
    """Two-sided, of this difference alone: a warning that is corrected for others comes too late. None without pairs."""
    pruning_cost: float
    """What the arm lost since its own state 0 minus what the baseline lost: above 0 where pruning cost the arm more."""
    pruning_cost_p: float | None


@dataclass(frozen=True)
class Contrast:
    """Differences are arm minus baseline, in accuracy (a point is 0.01); `kind` is what may be said of them."""

    arm: str
    baseline: str
    level: Level
    differences: dict[int, float]
    """By unit, mostly a confirm seed, over the pairs of trials that both survived."""
    lost: int = 0
    """Pairs of trials of which one or both diverged."""
    scope: str = ""
    unit: str = "seed"
    """What the units are: seed, search, recipe or fold."""
    within_share: float | None = None
    """Of the variance of the units' differences, the share that the pairs within them make; None where each has one."""
    mean: float | None = None
    interval: tuple[float, float] | None = None
    """Simultaneous: at alpha over the number of tests in the family."""
    interval_single: tuple[float, float] | None = None
    """Of this test alone, at alpha; printed nowhere."""
    bootstrap: tuple[float, float] | None = None
    images: tuple[float, float] | None = None
    """From drawing the test images again, at the level of `interval`."""
    images_missing: str = ""
    """Why it is not there, where test accuracies are compared."""
    p_value: float | None = None
    p_holm: float | None = None
    p_equivalent: float | None = None
    p_equivalent_holm: float | None = None
    read: str = ""
    """`valid at any time`, or `at the look at 8 of 32 seeds`; empty for a test done once."""
    evidence: tuple[float, ...] = ()
    """E against equal arms after each unit, in the order of the seeds; claims rest on it where the study was grown."""
    state0: AtState0 | None = None
    cost_ratio: float | None = None
    """Training MACs spent up to the level, arm over baseline."""
    kind: Kind = "not comparable"
    more_seeds: int | None = None
    """Seeds beyond these that would settle a difference of the margin with power 0.8, at an upper 80 % bound of their spread;
    0 where there are as many already, None under four seeds."""
    fewest_more_seeds: int | None = None
    """The same at the spread seen."""
    least_p: float | None = None
    """The smallest Holm-adjusted p that so many units in each of the family's tests can have, tested once; else None."""
    enough: int = 0
    """As many units in each test could settle a difference."""
    out_of_reach: bool = False
    """Whether even the smallest p settles no difference."""
    reason: str | None = None
    """Why the two are not comparable."""

    def to_json(self) -> dict[str, Any]:
        return {
            **self.__dict__,
            "level": self.level.model_dump(),
            "differences": {str(unit): value for unit, value in self.differences.items()},
            "state0": self.state0 and asdict(self.state0),
        }


def decide(measured: Sequence[Measured], settings: CompareConfig, reading: Reading = FIXED) -> list[Contrast]:
    """A family's contrasts with Holm's correction, simultaneous intervals, and what follows for each.

    Differences and equivalences are corrected as two families, so each kind of claim is wrong at most at `alpha`.
    Those that cannot be compared are no tests and count in neither.
    """
    family = sum(bool(one.differences) for one in measured)
    contrasts = [_tested(one, settings, family, reading) for one in measured]
    tested = [index for index, contrast in enumerate(contrasts) if contrast.p_value is not None]
    different = holm([contrasts[index].p_value or 0.0 for index in tested])
    equivalent = holm([contrasts[index].p_equivalent or 0.0 for index in tested])
    least = holm([2.0 ** (1 - len(contrasts[index].differences)) for index in tested])
    for index, p_different, p_equivalent, p_least in zip(tested, different, equivalent, least, strict=True):
        contrast = replace(contrasts[index], p_holm=p_different, p_equivalent_holm=p_equivalent)
        if reading.rule == "fixed":
            beyond, enough = p_least > settings.alpha + TOLERANCE, fewest_units(family, settings.alpha)
            contrast = replace(contrast, least_p=p_least, enough=enough, out_of_reach=beyond)
        contrasts[index] = _decided(contrast, settings, family)
    return contrasts


def _tested(measured: Measured, settings: CompareConfig, family: int, reading: Reading) -> Contrast:
    contrast = Contrast(
        arm=measured.arm,
        baseline=measured.baseline,
        level=measured.level,
        differences=measured.differences,
        lost=measured.lost,
        scope=measured.scope,
        unit=measured.unit,
        within_share=measured.within_share,
        cost_ratio=measured.cost_ratio,
        reason=measured.reason,
    )
    if not measured.differences:
        return contrast
    values, level = reading.in_order(measured.differences), settings.alpha / family
    margin = settings.margin / 100
    test = paired_test(measured.differences, reading, margin, settings.alpha, family)
    return replace(
        contrast,
        read=reading.text(),
        evidence=tuple(evidence(values, margin, restarts=reading.restarts).path().tolist()),
        mean=fmean(values),
        interval=test.interval(level),
        interval_single=test.interval(settings.alpha),
        bootstrap=bootstrap_interval(values, settings.alpha) if len(values) > 1 else None,
        images=measured.images.interval(level) if measured.images else None,
        images_missing=measured.images.missing if measured.images else "",
        p_value=p_difference(test, fmean(values)),
        p_equivalent=test.p_equivalent(margin),
        state0=at_state0(measured.differences, measured.state0),
    )


def at_state0(differences: Mapping[int, float], before: Mapping[int, float] | None) -> AtState0 | None:
    """What of the differences was there before anything was pruned; None where that is not known."""
    if not before:
        return None
    costs = [before[unit] - differences[unit] for unit in differences]
    values = [before[unit] for unit in differences]
    return AtState0(
        difference=fmean(values),
        p_value=subset_means(values).p_two_sided(),
        pruning_cost=fmean(costs),
        pruning_cost_p=subset_means(costs).p_two_sided(),
    )


def _decided(contrast: Contrast, settings: CompareConfig, family: int) -> Contrast:
    alpha = settings.alpha + TOLERANCE
    if (contrast.p_holm or 0.0) <= alpha:
        return replace(contrast, kind="better" if (contrast.mean or 0.0) > 0 else "worse")
    if (contrast.p_equivalent_holm or 0.0) <= alpha:
        return replace(contrast, kind="equivalent")
    values = list(contrast.differences.values())
    needed = seeds_foretold(values, settings.margin / 100, settings.alpha, family)
    fewest, most = (max(0, one - len(values)) for one in needed) if needed else (None, None)
    return replace(contrast, kind="not settled", more_seeds=most, fewest_more_seeds=fewest)
