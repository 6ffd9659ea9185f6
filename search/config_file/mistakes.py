"""Where each value of a study came from, so that an error can name the line or the option to mend."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from pydantic import BaseModel, ValidationError

from models.errors import UserError
from models.names import nearest, nearest_key, suggestion
from search.config_file.key_tree import known_keys
from search.config_file.yaml_file import Path_, dotted


class Mistake(UserError):
    """An error at its place in a file or on the command line; `names` are the keys of a trial that it is about."""

    def __init__(self, text: str, without_place: str = "", names: tuple[str, ...] = ()) -> None:
        super().__init__(text)
        self.without_place = without_place
        self.names = names


@dataclass(frozen=True)
class Sources:
    """The lines of a study file's entries, and the options (`--set …`) that stand in place of some of them."""

    source: str
    places: Mapping[Path_, str] = field(default_factory=dict)

    @classmethod
    def of_file(cls, source: str, lines: Mapping[Path_, int]) -> Self:
        return cls(source, {_split(path): f"{source}, line {line}" for path, line in lines.items()})

    def with_option(self, path: Path_, option: str) -> Sources:
        """With the option in place of the path and of everything that the file has below it."""
        replaced = _split(path)
        kept = {one: place for one, place in self.places.items() if one[: len(replaced)] != replaced}
        return Sources(self.source, {**kept, replaced: option})

    def place(self, path: Path_) -> str:
        """`FILE, line N` or `--set KEY=VALUE`, of the path or of the nearest thing above it that is there."""
        wanted = _split(path)
        above = (wanted[:end] for end in range(len(wanted), -1, -1))
        return next((self.places[one] for one in above if one in self.places), self.source)

    def error(self, path: Path_, message: str, names: tuple[str, ...] = ()) -> Mistake:
        """An error at the path: `PLACE: key.path MESSAGE`."""
        text = f"{dotted(path)}{message}"
        return Mistake(f"{self.place(path)}: {text}", text, names)


def no_arm(name: object, arms: Iterable[str]) -> str:
    """What an error says of a name that none of a study's arms has."""
    return f": {name!r} is no arm of this study ({', '.join(arms)}){suggestion(nearest(str(name), arms))}"


def _split(path: Path_) -> Path_:
    """The path with dotted keys taken apart, and without the `trial.` that keys of arms and space may begin with."""
    parts = [piece for part in path for piece in (part.split(".") if isinstance(part, str) else [part])]
    return tuple(part for position, part in enumerate(parts) if part != "trial" or position == 0)


def first_problem(error: ValidationError, data: Any, model: type[BaseModel], above: str = "") -> tuple[Path_, str]:
    """The most telling of a validation's errors: unknown keys first (a typo explains what is missing), then the deepest.

    Returns its path in what was validated, and what to say after that. `above` stands before the model's own keys in the
    file, such as `trial.`.
    """
    found = [(_path_in(entry["loc"], data, entry["type"]), entry) for entry in error.errors(include_url=False)]
    path, entry = min(found, key=lambda one: (one[1]["type"] != "extra_forbidden", -len(one[0])))
    if entry["type"] == "extra_forbidden":
        near = nearest_key(dotted(path), known_keys(model))
        return path, f" is not a known key{suggestion(near and above + near)}"
    return path, _text(dict(entry))


def wrong_booleans(given: Any, validated: Any, path: Path_ = ()) -> Iterator[tuple[Path_, bool]]:
    """(path, value) of every true or false given where the configuration made a number of it."""
    if isinstance(given, bool) and not isinstance(validated, bool):
        yield path, given
    parts = given if isinstance(given, Mapping) else dict(enumerate(given)) if isinstance(given, list | tuple) else {}
    for part in parts:
        if _holds(validated, part):
            yield from wrong_booleans(parts[part], validated[part], (*path, part))


def _path_in(location: tuple[str | int, ...], data: Any, kind: str) -> Path_:
    """A pydantic location without the names of union members, which stand in no file."""
    path: Path_ = ()
    for part in location:
        if _holds(data, part):
            data, path = data[part], (*path, part)
    return (*path, location[-1]) if kind == "missing" else path


def _holds(data: Any, part: str | int) -> bool:
    if isinstance(data, Mapping):
        return part in data
    return isinstance(data, list | tuple) and isinstance(part, int) and part < len(data)


def _text(entry: dict[str, Any]) -> str:
    kind, context, given = entry["type"], entry.get("ctx", {}), entry.get("input")
    if kind == "missing":
        return " is missing"
    if kind == "value_error":
        return f": {context['error']}"
    if kind == "literal_error":
        known = [word.strip("'") for word in re.split(", | or ", context["expected"])]
        return f": {_shown(given)} is none of {', '.join(known)}{suggestion(nearest(str(given), known))}"
    if kind == "string_pattern_mismatch":
        return f": {_shown(given)} must be a plain word of letters, digits, '.', '_' and '-'"
    if kind == "too_short" and context["min_length"] == 1:
        return f": at least one entry is expected, found {_shown(given)}"
    if kind in ("model_type", "dict_type"):
        return f": a section with keys is expected, found {_shown(given)}"
    if kind == "path_type":
        return f": a path is expected, found {_shown(given)}"
    message = str(entry["msg"])
    return f": {message[:1].lower()}{message[1:]}, found {_shown(given)}"


def _shown(value: Any) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
