"""Nested dictionaries addressed by dotted keys, such as `train.lr`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

ABSENT: Any = object()
"""What `get` gives where there is nothing; None is a value."""


def get(tree: Mapping[str, Any], key: str) -> Any:
    """The value at a dotted key, or ABSENT."""
    value: Any = tree
    for part in key.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return ABSENT
        value = value[part]
    return value


def merged(tree: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """`tree` with `patch` over it: dictionaries merge, everything else replaces. Neither argument changes."""
    result = dict(tree)
    for key, value in patch.items():
        old = result.get(key)
        if isinstance(value, Mapping):
            result[key] = merged(old if isinstance(old, Mapping) else {}, value)
        else:
            result[key] = value
    return result


def with_keys(tree: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """`tree` with the values of `patch`, whose keys are dotted, merged over it."""
    result = dict(tree)
    for key, value in patch.items():
        result = merged(result, nested(key, value))
    return result


def replaced(tree: Mapping[str, Any], key: str, value: Any) -> dict[str, Any]:
    """`tree` with exactly `value` at the dotted key, whatever was there."""
    first, _, rest = key.partition(".")
    old = tree.get(first)
    inner = replaced(old if isinstance(old, Mapping) else {}, rest, value) if rest else value
    return {**tree, first: inner}


def nested(key: str, value: Any) -> dict[str, Any]:
    """`a.b`, value → {a: {b: value}}."""
    for part in reversed(key.split(".")):
        value = {part: value}
    tree: dict[str, Any] = value
    return tree


def leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted key, value) of everything that is not a filled dictionary, in order."""
    for key, value in tree.items():
        path = f"{prefix}.{key}" if prefix else str(key)
        if isinstance(value, Mapping) and value:
            yield from leaves(value, path)
        else:
            yield path, value


def overlap(one: str, other: str) -> bool:
    """Whether two dotted keys are equal or one lies within the other."""
    return one == other or one.startswith(other + ".") or other.startswith(one + ".")
