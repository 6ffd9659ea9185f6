"""How often training diverged: a contrast of its own, apart from how accurate what survived is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from search.evidence.growth.rule import FIXED, Reading, paired_test
from search.evidence.paired.scope import unit_word
from search.evidence.paired.units import pairs_of, unit_means
from search.evidence.statistics import TOLERANCE, holm
from search.run.results import RunResults


@dataclass(frozen=True)
class DivergenceContrast:
    """How many of `trials` confirm trials diverged in each of two arms, paired; and whether one does so more often."""

    arm: str
    baseline: str
    trials: int
    diverged: int
    baseline_diverged: int
    units: int
    unit: str
    """What they are: seed, search, recipe or fold."""
    p_value: float
    p_holm: float | None = None
    kind: Literal["more often", "less often", "not settled"] = "not settled"
    """Of the arm, against the baseline."""

    @property
    def any(self) -> bool:
        return self.diverged + self.baseline_diverged > 0

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def divergence_contrasts(
    results: RunResults, opponents: Mapping[str, str], alpha: float, reading: Reading = FIXED
) -> list[DivergenceContrast]:
    """Every arm against its opponent, a family of tests by itself: Holm over the arms that have pairs of trials."""
    found = [_count(results, arm, other, alpha, len(opponents), reading) for arm, other in opponents.items()]
    counted = [contrast for contrast in found if contrast is not None]
    adjusted = holm([contrast.p_value for contrast in counted])
    return [_decided(contrast, p_holm, alpha) for contrast, p_holm in zip(counted, adjusted, strict=True)]


def _count(
    results: RunResults, arm: str, baseline: str, alpha: float, family: int, reading: Reading
) -> DivergenceContrast | None:
    pairs = pairs_of(results, arm, baseline)
    if not pairs:
        return None
    shares = unit_means(pairs, lambda pair: float(pair.ours.diverged) - float(pair.theirs.diverged))
    return DivergenceContrast(
        arm=arm,
        baseline=baseline,
        trials=len(pairs),
        diverged=sum(pair.ours.diverged for pair in pairs),
        baseline_diverged=sum(pair.theirs.diverged for pair in pairs),
        units=len(shares),
        unit=unit_word(results.study.compare.claim),
        p_value=_p_value({unit: share for unit, share in shares.items() if share}, alpha, family, reading),
    )


def _p_value(differing: Mapping[int, float], alpha: float, family: int, reading: Reading) -> float:
    """Sign flips of the units in which the two differ; of one trial each and tested once, McNemar's exact test (1947)."""
    return paired_test(differing, reading, 1.0, alpha, family).p_two_sided() if differing else 1.0


def _decided(contrast: DivergenceContrast, p_holm: float, alpha: float) -> DivergenceContrast:
    if p_holm > alpha + TOLERANCE:
        return replace(contrast, p_holm=p_holm)
    more = contrast.diverged > contrast.baseline_diverged
    return replace(contrast, p_holm=p_holm, kind="more often" if more else "less often")
