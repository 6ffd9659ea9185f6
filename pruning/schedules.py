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
from models.own_parts import OwnPart, Registry, users_error, wrong_part

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


Course = Callable[[int, int, float], float]
"""(event s in 1..K, K, final removed fraction) → the fraction kept after that event, in (0, 1]."""


def _of_share(curve: Callable[[float, float], float]) -> Course:
    return lambda state, states, ratio: curve(ratio, state / states)


def _listed(state: int, states: int, ratio: float) -> float:
    raise ValueError("`custom` lists its kept fractions; there is no course to ask")


def _own_course(part: OwnPart) -> Course:
    """A user's function, whose answers are checked each time."""
    if not callable(part.value) or isinstance(part.value, type):
        raise wrong_part("prune.schedule.kind", part, "a function (state, states, ratio) -> kept fraction")

    def course(state: int, states: int, ratio: float) -> float:
        asked = f"{part.origin.reference}({state}, {states}, {ratio:g})"
        try:
            kept = float(part.value(state, states, ratio))
        except Exception as error:
            raise UserError(f"{asked}: {users_error(error)}; correct it there", key="prune.schedule.kind") from error
        if not 0.0 < kept <= 1.0:
            raise UserError(f"{asked} is {kept:g}; a kept fraction must lie in (0, 1]", key="prune.schedule.kind")
        return kept

    return course


SCHEDULES: Registry[Course] = Registry("schedules", "prune.schedule.kind", _own_course)
"""Name → how the kept fraction falls, in the order of registration; a user's own too."""
SCHEDULES.register("geometric", _of_share(geometric))
SCHEDULES.register("linear", _of_share(linear))
SCHEDULES.register("cubic", _of_share(cubic))
SCHEDULES.register("one_shot", _of_share(one_shot))
SCHEDULES.register("custom", _listed)


def check_own_course(kind: str, states: int, ratio: float) -> None:
    """UserError where a user's own schedule rises from one event to the next, or does not answer for one of them."""
    if not SCHEDULES.is_own(kind) or states < 1:
        return
    kept = [1.0, *(SCHEDULES[kind](state, states, ratio) for state in range(1, states + 1))]
    if any(after > before for before, after in itertools.pairwise(kept)):
        found = ", ".join(f"{one:g}" for one in kept)
        raise UserError(
            f"{kind}: keeps {found} after the events 0 to {states} for the ratio {ratio:g}; what was removed stays removed, "
            "so it may not rise",
            key="prune.schedule.kind",
        )


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
    course = look_up("schedule.kind", kind, SCHEDULES)
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
    return 1.0 if state == 0 else course(state, states, ratio)


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
