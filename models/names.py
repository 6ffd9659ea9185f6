"""Looking a name up among the known ones, with the nearest offered when it is not there."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher
from typing import TypeVar

from models.errors import UserError

Value = TypeVar("Value")


def look_up(what: str, name: str, known: Mapping[str, Value]) -> Value:
    """The value under `name`; UserError that says what was asked for, the nearest known name and all of them."""
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise UserError(f"{name!r} is not known; {hint}known are {', '.join(known)}", key=what)


ENOUGH = 0.5
"""Below this likeness (0 none, 1 equal) a suggestion confuses more than it helps."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`, or None where none is like it; ties go to the first."""
    best, likeness = None, ENOUGH
    for candidate in known:
        score = SequenceMatcher(None, name.lower(), candidate.lower()).ratio()
        if score > likeness:
            best, likeness = candidate, score
    return best


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


def suggestion(name: str | None) -> str:
    """`; the nearest is X`, or nothing."""
    return f"; the nearest is {name}" if name else ""
