"""Looking a name up among the known ones, with the nearest offered when it is not there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher
from typing import TypeVar

from models.errors import UserError

Value = TypeVar("Value")

ENOUGH = 0.5
"""Below this likeness (0 none, 1 equal) a suggestion confuses more than it helps."""


def look_up(what: str, name: str, known: Mapping[str, Value]) -> Value:
    """The value under `name`; UserError that says what was asked for, all known names and the nearest of them."""
    if name in known:
        return known[name]
    raise UserError(f"{name!r} is none of {', '.join(known)}{suggestion(nearest(name, known))}", key=what)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`, or None where none is like it; ties go to the first."""
    found = most_like(name, known, 1)
    return found[0] if found else None


def most_like(name: str, known: Iterable[str], most: int = 3) -> list[str]:
    """Up to so many known names that are like `name`, the likest first; ties go to the first."""
    likeness = {candidate: _likeness(name.lower(), candidate.lower()) for candidate in known}
    return [one for one in sorted(likeness, key=lambda one: -likeness[one]) if likeness[one] > ENOUGH][:most]


def nearest_key(key: str, known: Iterable[str]) -> str | None:
    """The known dotted key most like `key`: a sibling that is spelt alike, else the same last part elsewhere."""
    known = tuple(known)
    parent, _, last = key.rpartition(".")
    siblings = [candidate for candidate in known if candidate.rpartition(".")[0] == parent]
    sibling = nearest(last, [candidate.rpartition(".")[2] for candidate in siblings])
    if sibling is not None:
        return f"{parent}.{sibling}" if parent else sibling
    elsewhere = [candidate for candidate in known if candidate.rpartition(".")[2] == last]
    return nearest(key, elsewhere) or (elsewhere[0] if elsewhere else nearest(key, known))


def suggestion(*names: str | None) -> str:
    """`; the nearest is X`, `; the nearest are X, Y, Z`, or nothing."""
    found = [name for name in names if name]
    return f"; the nearest {'is' if len(found) == 1 else 'are'} {', '.join(found)}" if found else ""


def _likeness(name: str, other: str) -> float:
    """0 to 1; the beginning of a long name counts almost as much as the whole (vit_tny → vit_tiny_patch16_224)."""
    whole = SequenceMatcher(None, name, other).ratio()
    return max(whole, 0.95 * SequenceMatcher(None, name, other[: len(name) + 1]).ratio())
