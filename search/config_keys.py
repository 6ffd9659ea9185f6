"""Which dotted keys a trial's configuration has."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from trainables.config import TrialConfig


@cache
def known_keys(model: type[BaseModel] = TrialConfig) -> tuple[str, ...]:
    """Every key of the configuration, sections included, in the order of their definition."""
    return tuple(key for key, _ in _walk(model, ""))


@cache
def free_sections(model: type[BaseModel] = TrialConfig) -> tuple[str, ...]:
    """The keys below which anything may stand, such as `model.args`."""
    return tuple(key for key, annotation in _walk(model, "") if get_origin(annotation) is dict)


def is_known(key: str) -> bool:
    """Whether a trial's configuration has this dotted key."""
    return key in known_keys() or any(key.startswith(section + ".") for section in free_sections())


def _walk(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, field in model.model_fields.items():
        yield prefix + name, field.annotation
        for inner in _models_in(field.annotation):
            yield from _walk(inner, f"{prefix}{name}.")


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) not in (list, tuple, dict):
        for argument in get_args(annotation):
            yield from _models_in(argument)
