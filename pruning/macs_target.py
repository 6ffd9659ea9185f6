"""Meeting a target share of the dense MACs, by scaling the log-kept of all ratios by one factor.

A kind with the final ratio rho ends at the kept fraction (1 - rho)^factor, so the proportions among kinds that the
ratios express stay, and the cost decides how far to go; listed kept fractions are scaled alike. The callables keep
networks out of this file: the caller turns counts into MACs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from models.errors import UserError
from models.units.structure import Kind

PRECISION = 1e-9  # of a factor: far finer than one unit of a hundred thousand
LARGEST_FACTOR = 2.0**20
LARGEST_RATIO = math.nextafter(1.0, 0.0)  # a large factor rounds to 1, and a removed fraction lies below it

Factors = Mapping[Kind, float]
CountsAt = Callable[[Factors], Mapping[str, int]]
MacsOf = Callable[[Mapping[str, int]], float]


def scaled_ratio(ratio: float, factor: float) -> float:
    """The removed fraction whose log-kept is `factor` times that of `ratio`: 1 - (1 - ratio)^factor, in [0, 1)."""
    return min(-math.expm1(factor * math.log1p(-ratio)), LARGEST_RATIO)


def scaled_kept(kept: float, factor: float) -> float:
    """The kept fraction whose log is `factor` times that of `kept`: kept^factor, in (0, 1]."""
    return float(max(kept**factor, 1.0 - LARGEST_RATIO))


def check_target(target: float) -> None:
    if not 0.0 < target < 1.0:
        raise UserError(f"found {target}; it is a share of the dense MACs, in (0, 1)", key="prune.schedule.macs_target")


def solve_factor(macs_at: Callable[[float], float], dense_macs: float, target: float) -> float:
    """The smallest factor >= 0 at which the network costs at most `target` * `dense_macs`.

    `macs_at(factor)` gives the MACs of the network at the scaled ratios; it must not rise with the factor.
    Raises UserError where no factor reaches the target, because of ratios of 0 or the floors.
    """
    check_target(target)
    limit = target * dense_macs
    if macs_at(0.0) <= limit:
        return 0.0
    high = 1.0
    while macs_at(high) > limit:
        high *= 2.0
        if high > LARGEST_FACTOR:
            least = macs_at(LARGEST_FACTOR) / dense_macs
            raise UserError(
                f"found {target}, but the smallest network that the ratios, min_kept and round_to allow has "
                f"{least:.4f} of the dense MACs; raise macs_target, lower min_kept or round_to, or give more kinds a ratio "
                "above 0",
                key="prune.schedule.macs_target",
            )
    return _bisect(lambda factor: macs_at(factor) <= limit, 0.0, high)


def counts_for_target(
    counts_at: CountsAt, macs_of: MacsOf, kinds: Sequence[Kind], dense_macs: float, target: float
) -> dict[str, int]:
    """The counts of the largest network within the target, for the last event.

    `counts_at(factors)` gives the units to keep (as for `allocation.select`) with each kind's ratio scaled by its
    factor; `macs_of(counts)` the cost of the network that these counts would leave. First one factor for all kinds;
    then each kind alone, in the order of `kinds`, takes what room is left: where the next step would have been a whole
    head, neurons fill its place. Each set of counts is costed once.
    """
    limit = target * dense_macs
    known: dict[tuple[tuple[str, int], ...], float] = {}

    def macs_at(factors: Factors) -> float:
        counts = counts_at(factors)
        key = tuple(sorted(counts.items()))
        if key not in known:
            known[key] = macs_of(counts)
        return known[key]

    common = solve_factor(lambda factor: macs_at(dict.fromkeys(kinds, factor)), dense_macs, target)
    factors = dict.fromkeys(kinds, common)
    for kind in kinds:
        factors[kind] = _smallest_for(kind, factors, macs_at, limit)
    return dict(counts_at(factors))


def _smallest_for(kind: Kind, factors: Factors, macs_at: Callable[[Factors], float], limit: float) -> float:
    def fits(factor: float) -> bool:
        return macs_at({**factors, kind: factor}) <= limit

    return 0.0 if fits(0.0) else _bisect(fits, 0.0, factors[kind])


def _bisect(fits: Callable[[float], bool], low: float, high: float) -> float:
    """The least factor that fits, to within PRECISION, `high` being known to fit and `low` not to."""
    while high - low > PRECISION * high:
        middle = (low + high) / 2.0
        if fits(middle):
            high = middle
        else:
            low = middle
    return high
