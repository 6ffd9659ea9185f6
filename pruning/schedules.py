"""How much stays: the kept fraction after each pruning event, and the whole numbers that follow from it.

State 0 is dense; events 1..K (K = `states`) end at the kept fraction 1 - ratio. Fractions are of the original count, so
that rounding never compounds.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

from models.errors import UserError
from models.names import look_up

ROUNDING_GUARD = 1e-9  # 10 * 0.3 is 2.9999999999999996 in floating point and means 3


def geometric(ratio: float, share: float) -> float:
    """(1 - ratio)^share: each event removes the same share of what is left; `share` is s/K in (0, 1]."""
    return float((1.0 - ratio) ** share)


def linear(ratio: float, share: float) -> float:
    """1 - ratio*share: each event removes the same number of units."""
    return 1.0 - ratio * share


def cubic(ratio: float, share: float) -> float:
    """1 - ratio*(1 - (1 - share)^3): most at first, little at the end (Zhu & Gupta 2017, arXiv 1710.01878, eq. 1)."""
    return float(1.0 - ratio * (1.0 - (1.0 - share) ** 3))


def one_shot(ratio: float, share: float) -> float:
    """1 - ratio from the first event on: the later states only train."""
    return 1.0 - ratio


CURVES_OF_RATIO: dict[str, Callable[[float, float], float]] = {
    "geometric": geometric,
    "linear": linear,
    "cubic": cubic,
    "one_shot": one_shot,
}
SCHEDULES: tuple[str, ...] = (*CURVES_OF_RATIO, "custom")


def kept_fraction(
    kind: str,
    state: int,
    states: int,
    ratio: float,
    *,
    custom: Sequence[float] | None = None,
    rate_per_state: float | None = None,
) -> float:
    """The fraction of the original units kept after event `state` (0..`states`) of the schedule `kind`; in (0, 1].

    `ratio` in [0, 1) is the final removed fraction. `custom` lists the kept fractions of the events 1..`states`.
    `rate_per_state` r in [0, 1) keeps (1-r)^state and overrides `kind` and `ratio`. `one_shot` goes at the first event
    to where the others end, at the last of `custom` or at (1-r)^states where one of them is given.
    Raises UserError for an unknown schedule or a value outside its range.
    """
    look_up("schedule.kind", kind, dict.fromkeys(SCHEDULES))
    if states < 1:
        raise UserError(f"schedule.states: found {states}; it counts the pruning events and must be at least 1")
    if not 0 <= state <= states:
        raise ValueError(f"state {state} lies outside 0..{states}")
    event = states if kind == "one_shot" and state > 0 else state
    if rate_per_state is not None:
        _check_removed("schedule.rate_per_state", rate_per_state)
        return float((1.0 - rate_per_state) ** event)
    if kind == "custom" or (kind == "one_shot" and custom is not None):
        fractions = check_custom(custom, states)
        return 1.0 if state == 0 else fractions[event - 1]
    if custom is not None:
        raise UserError(f"schedule.custom: only for schedule.kind 'custom', found kind {kind!r}; leave one of them out")
    _check_removed("schedule ratio", ratio)
    return 1.0 if state == 0 else CURVES_OF_RATIO[kind](ratio, state / states)


def check_custom(custom: Sequence[float] | None, states: int) -> tuple[float, ...]:
    """The listed kept fractions if there are `states`, in (0, 1], none above the one before; else UserError."""
    if custom is None:
        raise UserError(f"schedule.custom: missing; schedule.kind 'custom' needs a list of {states} kept fractions")
    fractions = tuple(float(value) for value in custom)
    if len(fractions) != states:
        raise UserError(f"schedule.custom: found {len(fractions)} kept fractions, expected one per state, {states}")
    if not all(0.0 < value <= 1.0 for value in fractions):
        raise UserError(f"schedule.custom: found {list(fractions)}; every kept fraction must lie in (0, 1]")
    if any(after > before for before, after in itertools.pairwise(fractions)):
        raise UserError(f"schedule.custom: found {list(fractions)}; what was removed stays removed, so it may not rise")
    return fractions


def unit_count(total: int, kept: float, floor: int, previous: int) -> int:
    """How many of `total` original units stay at the fraction `kept`: at least `floor`, never above `previous`."""
    wanted = math.floor(total * kept + ROUNDING_GUARD)
    return min(max(floor, wanted), previous)


def _check_removed(key: str, value: float) -> None:
    if not 0.0 <= value < 1.0:
        raise UserError(f"{key}: found {value}; the removed fraction must lie in [0, 1)")
