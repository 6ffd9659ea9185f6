"""Sign flips looked at more than once: group-sequential tests with a level that is spent look by look.

The looks are stated before the first trial. At each one a part of the level is spent, and what was spent and not used
carries over (Lan and DeMets, "Discrete sequential boundaries for clinical trials", Biometrika 1983). The sign patterns stand
in for the normal paths of that paper: given the sizes of the differences they are equally likely where there is no
difference, so the error is at most the level for any distribution, as in the test at a fixed number of pairs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from search.evidence.growth.inversion import outermost_kept
from search.evidence.statistics import EXACT_PAIRS, PairedTest
from search.study.compared.looks import spent

T = TypeVar("T")
LEVELS: tuple[float, ...] = tuple(float(level) for level in np.geomspace(1.0, 1e-5, 241))
"""Where a sequential p-value is looked for, falling; a step is five percent."""


@dataclass(frozen=True)
class SequentialFlips(PairedTest):
    """The differences at every look so far, for each sign pattern; the first pattern is the one seen.

    `sums` and `counts` (looks x patterns) are over the pairs that a pattern flips. Flipping leaves the sum of
    (difference - delta) at least as large exactly where `sums - delta * counts` is at most 0. Up to EXACT_PAIRS pairs the
    patterns are all there are. Beyond, each of these goes on with drawn signs, so a pattern at one look is the beginning of
    the same pattern at the next, and what was decided at a look stays decided.
    """

    sums: NDArray[np.float64]
    counts: NDArray[np.float64]
    shares: tuple[float, ...]
    """Of the planned pairs, at each look."""
    span: tuple[float, float, float]
    """The smallest difference, the mean, and the largest."""
    levels: tuple[float, ...]
    tolerance: float
    _known: dict[tuple[str, float], Any] = field(default_factory=dict, compare=False, repr=False)

    def p_above(self, delta: float) -> float:
        """One-sided sequential p-value of "the centre is at most delta": the smallest of `levels` at which, and at all larger
        of which, it has been rejected by now. It never rises from one look to the next."""
        return self._once(("above", delta), lambda: self._smallest_level(self._excess(delta)))

    def p_below(self, delta: float) -> float:
        """One-sided sequential p-value of "the centre is at least delta"."""
        return self._once(("below", delta), lambda: self._smallest_level(-self._excess(delta)))

    def rejects(self, alpha: float, delta: float = 0.0) -> bool:
        """Whether "the centre is delta" has been rejected by now, one side each at alpha/2."""
        excess = self._excess(delta)
        return self._rejects(excess, alpha / 2) or self._rejects(-excess, alpha / 2)

    def interval(self, alpha: float) -> tuple[float, float] | None:
        """The repeated confidence interval: outermost centres not rejected by now, one side each at alpha/2.

        Endless where too few pairs can reject any; None where every centre was rejected, at one look or another.
        """
        return self._once(("interval", alpha), lambda: self._interval(alpha))

    def _once(self, asked: tuple[str, float], answer: Callable[[], T]) -> T:
        """A run is compared several times over in one launch, and on many patterns an answer takes a second."""
        if asked not in self._known:
            self._known[asked] = answer()
        return cast(T, self._known[asked])

    def _interval(self, alpha: float) -> tuple[float, float] | None:
        low, middle, high = self.span
        beside = 1e-6 * (high - low) + 10 * self.tolerance
        outside, beyond = low - beside, high + beside
        if not self._rejects(self._excess(outside), alpha / 2):
            return (-math.inf, math.inf)
        lowest = outermost_kept(lambda delta: self._rejects(self._excess(delta), alpha / 2), outside, middle, beyond)
        highest = outermost_kept(lambda delta: self._rejects(-self._excess(delta), alpha / 2), beyond, middle, outside)
        return None if lowest is None or highest is None or lowest > highest else (lowest, highest)

    def _excess(self, delta: float) -> NDArray[np.float64]:
        """Whole multiples of the tolerance, so that ties are ties."""
        excess: NDArray[np.float64] = np.rint((self.sums - delta * self.counts) / self.tolerance)
        return excess

    def _smallest_level(self, excess: NDArray[np.float64]) -> float:
        smallest = 1.0
        for level in self.levels:
            if not self._rejects(excess, level):
                break
            smallest = level
        return smallest

    def _rejects(self, excess: NDArray[np.float64], level: float) -> bool:
        """Whether the pattern seen is among those rejected at any look so far.

        At each look the patterns not yet rejected are rejected from the most extreme on, as far as what may be spent by then
        goes; patterns that tie are rejected together or not at all.
        """
        patterns = excess.shape[1]
        left = np.arange(patterns)
        for share, all_here in zip(self.shares, excess, strict=True):
            here = all_here[left]
            room = math.floor(spent(level, share) * patterns + 1e-9) - (patterns - len(left))
            if int(np.count_nonzero(here <= 0)) <= room:
                return True
            if room > 0:
                left = left[here >= np.partition(here, room)[room]]
        return False


def sequential_flips(
    differences: Sequence[float], looks: Sequence[int], planned: int, *, levels: Sequence[float] = (), seed: int = 0
) -> SequentialFlips:
    """The test of paired differences at the looks so far.

    `looks` are numbers of pairs, rising, the last one all there are; `planned` is their number at the last look of the plan.
    `levels` are added to LEVELS, so that a p-value can be exactly those that decide. Raises ValueError for differences that
    are not finite or looks that do not fit them.
    """
    values = np.asarray(differences, dtype=np.float64)
    if values.ndim != 1 or len(values) == 0 or not np.isfinite(values).all():
        raise ValueError("sequential sign flips: needs at least one pair, every difference finite")
    rising = list(looks) == sorted({*looks} - {0})
    if not looks or not rising or looks[-1] != len(values) or planned < looks[-1]:
        raise ValueError(f"sequential sign flips: looks {list(looks)} of {planned} on {len(values)} pairs")
    return _made(tuple(values.tolist()), tuple(looks), planned, tuple(sorted({*LEVELS, *levels}, reverse=True)), seed)


@lru_cache(maxsize=16)
def _made(
    differences: tuple[float, ...], looks: tuple[int, ...], planned: int, levels: tuple[float, ...], seed: int
) -> SequentialFlips:
    values = np.asarray(differences)
    flipped = _patterns(len(values), seed)
    return SequentialFlips(
        sums=np.stack([flipped[:, :pairs] @ values[:pairs] for pairs in looks]),
        counts=np.stack([flipped[:, :pairs].sum(axis=1) for pairs in looks]),
        shares=tuple(pairs / planned for pairs in looks),
        span=(float(values.min()), float(values.mean()), float(values.max())),
        levels=levels,
        tolerance=1e-12 * max(1.0, float(np.abs(values).max())),
    )


@lru_cache(maxsize=2)
def _patterns(pairs: int, seed: int) -> NDArray[np.float64]:
    """A row for each sign pattern, ones where it flips.

    All patterns of the first EXACT_PAIRS pairs, each with one drawn continuation (none flipped for the pattern seen). Under
    equal arms the pattern seen is as likely to be any of the rows, so the test is exact over the draws.
    """
    exact = min(pairs, EXACT_PAIRS)
    numbers = np.arange(2**exact, dtype=np.int64)
    enumerated = (numbers[:, None] >> np.arange(exact)) & 1
    drawn = [np.random.default_rng((seed, pair)).integers(0, 2, size=2**exact) for pair in range(exact, pairs)]
    flipped = np.column_stack([enumerated, *drawn]).astype(np.float64)
    flipped[0] = 0.0
    flipped.flags.writeable = False  # shared by the contrasts of a family
    return flipped
