"""Methods of a user's own in plain data: imported where a trial is to run, and told by a run's files where these are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import fields
from typing import Any

from models.errors import UserError
from pruning.catalogue import METHODS, MethodTraits, take_recorded

TOLD = tuple(field.name for field in fields(MethodTraits) if field.name not in ("name", "planner"))
"""The traits that a record keeps of a method: all but the code."""


def named_methods(content: Any, key: str = "") -> Iterator[str]:
    """The methods of a user's own that plain data name under a key `method`, a list or a mapping of them included."""
    below = key.rpartition(".")[2] == "method"
    if isinstance(content, Mapping):
        for name, value in content.items():
            yield from named_methods(value, key if below else str(name))
    elif isinstance(content, list | tuple):
        for value in content:
            yield from named_methods(value, key)
    elif below and isinstance(content, str) and METHODS.is_own(content):
        yield content


def import_methods(content: Any) -> None:
    """Import the methods that a request names: what they are decides how the rest of it is read.

    One that cannot be imported is left to whoever asks for it, and knows where it stands.
    """
    for name in named_methods(content):
        with suppress(UserError):
            METHODS.origin(name)


def recorded_traits(content: Any) -> dict[str, dict[str, Any]]:
    """Of each imported method that plain data name, what its readers need to know; plain JSON."""
    found = {name: METHODS.if_imported(name) for name in named_methods(content)}
    return {name: {key: getattr(one, key) for key in TOLD} for name, one in found.items() if one is not None}


def read_recorded(told: Any) -> None:
    """Take what `recorded_traits` wrote into a file; what is none of that is passed over, for the file may be anybody's."""
    for name, traits in told.items() if isinstance(told, Mapping) else ():
        if isinstance(traits, Mapping) and METHODS.is_own(str(name)):
            take_recorded(MethodTraits(str(name), **{key: traits[key] for key in TOLD if _fits(key, traits.get(key))}))


def _fits(key: str, value: Any) -> bool:
    return isinstance(value, str) if key in ("criterion", "schedule") else isinstance(value, bool)
