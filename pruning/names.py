"""Looking a name up among the known ones, with the nearest offered when it is not there."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TypeVar

from models.errors import UserError

Value = TypeVar("Value")


def look_up(what: str, name: str, known: Mapping[str, Value]) -> Value:
    """The value under `name`; UserError that says what was asked for, the nearest known name and all of them."""
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise UserError(f"{what}: {name!r} is not known; {hint}known are {', '.join(known)}")
