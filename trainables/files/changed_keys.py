"""What differs between two nested dictionaries, key by key, in words for an error message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trainables.config.target import in_one_form

TARGET, CHOICE = "prune.target", "choice"


def changed_keys(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Each dotted key that differs, as `key was OLD, is now NEW`, in the dictionaries' own order.

    The kinds of units of a target have no order, and words stand for some of them: two ways to write one are no change.
    """
    old, new = _flat(before), _flat(now)
    keys = [key for key in {**old, **new} if _meant(key, old.get(key)) != _meant(key, new.get(key))]
    return [f"{key} was {_word(old, key)}, is now {_word(new, key)}" for key in keys]


def _meant(key: str, value: Any) -> Any:
    """What the value of a key stands for; of a target that is searched, each of its choices."""
    if key == TARGET or key.endswith(f".{TARGET}"):
        return in_one_form(value)
    if key.endswith(f"{TARGET}.{CHOICE}") and isinstance(value, list):
        return [in_one_form(one) for one in value]
    return value


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
