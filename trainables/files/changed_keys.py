"""What differs between two nested dictionaries, key by key, in words for an error message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def changed_keys(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Each dotted key that differs, as `key was OLD, is now NEW`, in the dictionaries' own order."""
    old, new = _flat(before), _flat(now)
    keys = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    return [f"{key} was {_word(old, key)}, is now {_word(new, key)}" for key in keys]


def at_most(changes: Sequence[str], most: int = 3) -> list[str]:
    """The first of them, then how many more there are."""
    more = len(changes) - most
    return [*changes[:most], f"and {more} more"] if more > 0 else list(changes)


def _word(flat: Mapping[str, Any], key: str) -> str:
    return repr(flat[key]) if key in flat else "absent"


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """Dotted key → value. A tuple counts as the list that it becomes in a file."""
    if not isinstance(value, Mapping):
        return {prefix: list(value) if isinstance(value, tuple) else value}
    flat: dict[str, Any] = {}
    for key, entry in value.items():
        flat |= _flat(entry, f"{prefix}.{key}" if prefix else str(key))
    return flat
