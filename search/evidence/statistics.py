"""Tests on paired seeds: sign-flip permutation, its interval, equivalence, Holm, and seeds still needed.

The replicate is the seed: callers hand over one difference per seed, already averaged over configurations. Beside them the
interval of a proportion, McNemar's test on the images of one split, and what a search budget buys.

The three intervals that scipy has as well (percentile bootstrap, Student's, Wilson's) stand here because scipy's differ in the
last digits, and a run compared earlier must keep its numbers. The tests hold them to scipy's.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

EXACT_PAIRS = 16
"""Up to so many pairs every sign pattern is enumerated; beyond, patterns are drawn."""
DRAWN_PATTERNS = 65_535
POWER = 0.8
BOUND = 0.8
"""Confidence of the upper bound of a standard deviation with which seeds are foretold."""
FEWEST_FORETOLD = 4
"""So few seeds say something of their own spread."""
TOLERANCE = 1e-9
"""Levels nearer than this are equal, so that a sum of floats decides nothing."""


class PairedTest(ABC):
    """What every rule answers about paired differences."""

    @abstractmethod
    def p_above(self, delta: float) -> float:
        """One-sided p-value of "the centre is at most delta" against "above"; small where the data lie above."""

    @abstractmethod
    def p_below(self, delta: float) -> float:
        """One-sided p-value of "the centre is at least delta" against "below"."""

    @abstractmethod
    def interval(self, alpha: float) -> tuple[float, float] | None:
        """The centres that are not rejected at `alpha`; None where there is none."""

    def p_two_sided(self, delta: float = 0.0) -> float:
        return min(1.0, 2 * min(self.p_above(delta), self.p_below(delta)))

    def p_equivalent(self, margin: float) -> float:
        """Two one-sided tests (Schuirmann 1987): the larger p-value of "at most -margin" and "at least margin"."""
        return max(self.p_above(-margin), self.p_below(margin))


@dataclass(frozen=True)
class SubsetMeans(PairedTest):
    """Sorted means of the differences over subsets of the seeds, and the number of sign patterns they stand for.

    The sign-flip test of "the differences are symmetric about delta" flips a subset of the seeds; flipping leaves the
    sum at least as large exactly where the subset's mean is at most delta. So every p-value and every interval end of the
    test is a rank among these means, the empty subset (nothing flipped) counting always (typical values: Hartigan,
    "Using subsample values as typical values", JASA 1969).
    """

    means: NDArray[np.float64]
    patterns: int
    exact: bool
    tolerance: float
    """Means nearer to delta than this tie with it."""

    def p_above(self, delta: float) -> float:
        return (1 + int(np.searchsorted(self.means, delta + self.tolerance, side="right"))) / self.patterns

    def p_below(self, delta: float) -> float:
        below = int(np.searchsorted(self.means, delta - self.tolerance, side="left"))
        return (1 + len(self.means) - below) / self.patterns

    def interval(self, alpha: float) -> tuple[float, float]:
        """All centres that the two-sided test at `alpha` does not reject; endless where too few pairs can reject any."""
        rank = math.floor(alpha * self.patterns / 2 + TOLERANCE)
        if rank < 1:
            return (-math.inf, math.inf)
        return (float(self.means[rank - 1]), float(self.means[-rank]))


def subset_means(differences: Sequence[float], *, seed: int = 0) -> SubsetMeans:
    """The sign-flip reference set of paired differences; exact up to EXACT_PAIRS pairs, else drawn from `seed`.

    Raises ValueError without a pair or with a difference that is not finite.
    """
    values = np.asarray(differences, dtype=np.float64)
    if values.ndim != 1 or len(values) == 0 or not np.isfinite(values).all():
        raise ValueError("sign-flip test: needs at least one pair, every difference finite")
    exact = len(values) <= EXACT_PAIRS
    chosen = _all_subsets(len(values)) if exact else _drawn_subsets(len(values), seed)
    means = np.sort(chosen @ values / chosen.sum(axis=1))
    tolerance = 1e-12 * max(1.0, float(np.abs(values).max()))
    return SubsetMeans(means, len(means) + 1, exact, tolerance)


def _all_subsets(count: int) -> NDArray[np.float64]:
    """Every subset but the empty one, a row each of zeros and ones."""
    numbers = np.arange(1, 2**count, dtype=np.int64)
    bits: NDArray[np.float64] = ((numbers[:, None] >> np.arange(count)) & 1).astype(np.float64)
    return bits


def _drawn_subsets(count: int, seed: int) -> NDArray[np.float64]:
    size = (DRAWN_PATTERNS, count)
    drawn: NDArray[np.float64] = np.random.default_rng(seed).integers(0, 2, size=size).astype(np.float64)
    filled: NDArray[np.bool_] = drawn.sum(axis=1) > 0
    return drawn[filled]


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjusted p-values (Scand. J. Statist. 1979), in the order given."""
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def bootstrap_interval(
    values: Sequence[float], alpha: float, *, seed: int = 0, draws: int = 9_999
) -> tuple[float, float]:
    """Percentile interval of the mean over resampled seeds: a description beside the test, never a claim."""
    data = np.asarray(values, dtype=np.float64)
    picks = np.random.default_rng(seed).integers(0, len(data), size=(draws, len(data)))
    low, high = np.quantile(data[picks].mean(axis=1), [alpha / 2, 1 - alpha / 2])
    return (float(low), float(high))


def mean_interval(values: Sequence[float], alpha: float) -> tuple[float, float] | None:
    """Student's t interval of a mean over seeds; None with fewer than two."""
    from scipy import stats

    if len(values) < 2:
        return None
    half = float(stats.t.ppf(1 - alpha / 2, len(values) - 1)) * float(np.std(values, ddof=1)) / math.sqrt(len(values))
    mean = float(np.mean(values))
    return (mean - half, mean + half)


def fewest_pairs(alpha: float, comparisons: int = 1) -> int:
    """The fewest pairs with which the exact two-sided test can reject at alpha/comparisons: 2/2^n must reach it."""
    return math.ceil(1 + math.log2(comparisons / alpha) - TOLERANCE)


def seeds_to_settle(deviation: float, margin: float, alpha: float, comparisons: int = 1, power: float = POWER) -> int:
    """Seeds with which a difference of `margin` would be settled: found where it is there, excluded where none is.

    `deviation` is the standard deviation of the paired differences. Both questions are asked with probability `power`:
    the two-sided test at a true difference of `margin`, and the two one-sided tests at none, in Student's t form, at
    Holm's first threshold alpha/comparisons. The effect seen does not enter.
    """
    if margin <= 0:
        raise ValueError(f"margin must be above 0, found {margin}")
    level = alpha / comparisons
    fewest = max(2, fewest_pairs(alpha, comparisons))
    if deviation == 0:
        return fewest
    low = high = fewest
    while not _settles(high, deviation, margin, level, power):
        low, high = high, 2 * high
    return low + bisect_left(range(low, high), True, key=lambda pairs: _settles(pairs, deviation, margin, level, power))


def seeds_foretold(
    differences: Sequence[float], margin: float, alpha: float, comparisons: int = 1
) -> tuple[int, int] | None:
    """Seeds that would settle a difference of `margin`: at the standard deviation seen, and at its upper 80 % bound.

    The bound is that of normal differences, sd * sqrt((n-1) / q) with q the 20 % quantile of chi-square with n-1 degrees of
    freedom: in four of five studies the true deviation lies below it. None under FEWEST_FORETOLD seeds, where it is more
    than twice what was seen.
    """
    from scipy import stats

    if len(differences) < FEWEST_FORETOLD:
        return None
    freedom = len(differences) - 1
    deviation = float(np.std(differences, ddof=1))
    highest = deviation * math.sqrt(freedom / float(stats.chi2.ppf(1 - BOUND, freedom)))
    return (
        seeds_to_settle(deviation, margin, alpha, comparisons),
        seeds_to_settle(highest, margin, alpha, comparisons),
    )


def _settles(pairs: int, deviation: float, margin: float, level: float, power: float) -> bool:
    from scipy import stats

    freedom = pairs - 1
    effect = margin / deviation * math.sqrt(pairs)
    critical = float(stats.t.ppf(1 - level / 2, freedom))
    found = float(stats.nct.sf(critical, freedom, effect)) if effect < 30 else 1.0
    room = effect - float(stats.t.ppf(1 - level, freedom))
    excluded = 2 * float(stats.t.cdf(room, freedom)) - 1 if room > 0 else 0.0
    return found >= power and excluded >= power


def wilson_interval(right: int, total: int, alpha: float = 0.05) -> tuple[float, float]:
    """Wilson's score interval of a proportion (JASA 1927): `right` of `total` images, both ends in [0, 1]."""
    from scipy import stats

    if total < 1 or not 0 <= right <= total:
        raise ValueError(f"wilson interval: {right} right of {total} images")
    z = float(stats.norm.ppf(1 - alpha / 2))
    share = right / total
    scale = 1 + z * z / total
    centre = (share + z * z / (2 * total)) / scale
    half = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total)) / scale
    return (max(0.0, centre - half), min(1.0, centre + half))


@dataclass(frozen=True)
class McNemar:
    """Images that only the first, and only the second network gets right, and the exact two-sided p-value."""

    only_first: int
    only_second: int
    p_value: float


def mcnemar(first_right: Sequence[bool], second_right: Sequence[bool]) -> McNemar:
    """McNemar's exact (binomial) test on the same images in the same order (Psychometrika 1947).

    It speaks of these two networks, not of the methods that made them: another seed gives other networks.
    """
    from scipy import stats

    if len(first_right) != len(second_right):
        raise ValueError(f"mcnemar: {len(first_right)} images against {len(second_right)}")
    pairs = Counter(zip(first_right, second_right, strict=True))
    only_first, only_second = pairs[True, False], pairs[False, True]
    differing = only_first + only_second
    p_value = 1.0 if differing == 0 else float(stats.binomtest(only_first, differing, 0.5).pvalue)
    return McNemar(only_first, only_second, p_value)


def expected_best(values: Sequence[float]) -> list[float]:
    """Expected maximum of n values drawn with replacement from `values`, for n = 1..len(values).

    With V sorted ascending and N values: sum over i of V_i * ((i/N)^n - ((i-1)/N)^n) (Dodge et al. 2019, equations 7 and 8).
    """
    ordered = sorted(values)
    count = len(ordered)
    return [
        sum(value * ((rank / count) ** n - ((rank - 1) / count) ** n) for rank, value in enumerate(ordered, start=1))
        for n in range(1, count + 1)
    ]
