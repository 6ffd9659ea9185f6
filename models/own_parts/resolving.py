"""From what a study file says to the object: by reference, or by the name of an entry point."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, reduce
from importlib import metadata
from types import ModuleType
from typing import Any

from models.errors import UserError
from models.names import nearest, suggestion
from models.own_parts.loading import load_module
from models.own_parts.origin import Origin, origin_of
from models.own_parts.reference import Group, Reference, parse


@dataclass(frozen=True)
class OwnPart:
    """The object that was named, and where it came from."""

    value: Any
    origin: Origin


def is_own(text: str, group: Group) -> bool:
    """Whether it names a user's own part: a reference, or an entry point of that group. Nothing is imported."""
    return parse(text) is not None or text in entry_point_names(group)


def resolve(text: str, *, key: str, group: Group) -> OwnPart:
    """The part that `text` names, imported: `module:object`, `path/to/file.py:object`, or an entry point of `group`.

    `key` is the dotted key that it stands under. Whether it is of the right kind is the caller's to say, by `wrong_part`.
    UserError where there is no such module, file or object, or where its module fails while it is imported.
    """
    reference = parse(text)
    if reference is not None:
        module = load_module(reference, key)
        return OwnPart(_object(module, reference, key), origin_of(text, module))
    entry = _entry_points(group).get(text)
    if entry is None:
        raise UserError(
            f"{text!r} is no reference to a part of one's own; expected module:object, path/to/file.py:object, or an entry "
            f"point of prunetune.{group}{suggestion(nearest(text, entry_point_names(group)))}",
            key=key,
        )
    reference = Reference(f"{text} ({entry.value})", entry.attr, module=entry.module)
    module = load_module(reference, key)
    return OwnPart(_object(module, reference, key), origin_of(text, module, entry.dist))


def wrong_part(key: str, part: OwnPart, expected: str, found: str | None = None) -> UserError:
    """For a part of another kind than is needed there; `expected` says what is, `found` what it is, in words."""
    what = type(part.value).__name__ if found is None else found
    return UserError(f"{part.origin.reference}: found {what} in {part.origin.file}, expected {expected}", key=key)


def entry_point_names(group: Group) -> tuple[str, ...]:
    """The names that installed packages give to parts of this group."""
    return tuple(_entry_points(group))


@lru_cache
def _entry_points(group: Group) -> dict[str, metadata.EntryPoint]:
    return {one.name: one for one in metadata.entry_points(group=f"prunetune.{group}")}


def _object(module: ModuleType, reference: Reference, key: str) -> Any:
    try:
        return reduce(getattr, reference.object.split("."), module)
    except AttributeError as error:
        first = reference.object.partition(".")[0]
        known = [name for name in vars(module) if not name.startswith("_")]
        where = getattr(module, "__file__", None) or module.__name__
        close = "" if hasattr(module, first) else suggestion(nearest(first, known))
        raise UserError(f"{reference.text}: {where} has no {reference.object}{close}", key=key) from error
