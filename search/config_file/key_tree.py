"""Nested dictionaries addressed by dotted keys, such as `train.lr`: reading, merging, comparing, and which keys there are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache, reduce
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from models.names import nearest_key, suggestion
from trainables.config.trial import TrialConfig

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
    return reduce(lambda result, one: merged(result, nested(*one)), patch.items(), dict(tree))


def replaced(tree: Mapping[str, Any], key: str, value: Any) -> dict[str, Any]:
    """`tree` with exactly `value` at the dotted key, whatever was there."""
    first, _, rest = key.partition(".")
    old = tree.get(first)
    inner = replaced(old if isinstance(old, Mapping) else {}, rest, value) if rest else value
    return {**tree, first: inner}


def nested(key: str, value: Any) -> dict[str, Any]:
    """`a.b`, value → {a: {b: value}}."""
    return replaced({}, key, value)


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
    return within(one, other) or within(other, one)


def within(key: str, outer: str) -> bool:
    """Whether a dotted key is `outer` or lies within it."""
    return key == outer or key.startswith(outer + ".")


@cache
def known_keys(model: type[BaseModel] = TrialConfig) -> tuple[str, ...]:
    """Every key of the configuration, sections included, in the order of their definition."""
    return tuple(key for key, _ in _walk(model, ""))


@cache
def free_sections(model: type[BaseModel] = TrialConfig) -> tuple[str, ...]:
    """The keys below which anything may stand, such as `model.args`."""
    return tuple(key for key, annotation in _walk(model, "") if get_origin(annotation) is dict)


def is_known(key: str, model: type[BaseModel] = TrialConfig) -> bool:
    """Whether the configuration has this dotted key; below a free section anything is one."""
    return key in known_keys(model) or any(key.startswith(section + ".") for section in free_sections(model))


def unknown(key: str) -> str:
    """What an error says after a key that `is_known` does not know."""
    return f" is not a known key of a trial{suggestion(nearest_key(key, known_keys()))}"


def _walk(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, Any]]:
    for own_name, field in model.model_fields.items():
        name = field.alias or own_name
        yield prefix + name, field.annotation
        for inner in _models_in(field.annotation):
            yield from _walk(inner, f"{prefix}{name}.")


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) not in (list, tuple, dict):
        for argument in get_args(annotation):
            yield from _models_in(argument)
