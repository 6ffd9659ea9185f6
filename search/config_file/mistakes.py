"""Where each value of a study came from, so that an error can name the line or the option to mend."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

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
    lines: Mapping[Path_, int] = field(default_factory=dict)
    options: Mapping[Path_, str] = field(default_factory=dict)

    def with_option(self, path: Path_, option: str) -> Sources:
        return Sources(self.source, self.lines, {**self.options, path: option})

    def place(self, path: Path_) -> str:
        """`FILE, line N` or `--set KEY=VALUE`, of the path or of the nearest thing above it that is there."""
        wanted = _split(path)
        options = {_split(known): option for known, option in self.options.items()}
        lines = {_split(known): line for known, line in self.lines.items()}
        for end in range(len(wanted), -1, -1):
            if wanted[:end] in options:
                return options[wanted[:end]]
            if wanted[:end] in lines:
                return f"{self.source}, line {lines[wanted[:end]]}"
        return self.source

    def error(self, path: Path_, message: str, names: tuple[str, ...] = ()) -> Mistake:
        """An error at the path: `PLACE: key.path MESSAGE`."""
        text = f"{dotted(path)}{message}"
        return Mistake(f"{self.place(path)}: {text}", text, names)


def _split(path: Path_) -> Path_:
    """The path with dotted keys taken apart, and without the `trial.` that keys of arms and space may begin with."""
    parts = [piece for part in path for piece in (part.split(".") if isinstance(part, str) else [part])]
    return tuple(part for position, part in enumerate(parts) if part != "trial" or position == 0)


@dataclass(frozen=True)
class Problem:
    """The one thing worth saying of a failed validation. `path` is relative to what was validated."""

    path: Path_
    text: str


def first_problem(error: ValidationError, data: Any, model: type[BaseModel], above: str = "") -> Problem:
    """The most telling of a validation's errors: unknown keys first (a typo explains what is missing), then the deepest.

    `above` stands before the model's own keys in the file, such as `trial.`.
    """
    found = [(_path_in(entry["loc"], data, entry["type"]), entry) for entry in error.errors(include_url=False)]
    path, entry = min(found, key=lambda one: (one[1]["type"] != "extra_forbidden", -len(one[0])))
    if entry["type"] == "extra_forbidden":
        near = nearest_key(dotted(path), known_keys(model))
        return Problem(path, f" is not a known key{suggestion(near and above + near)}")
    return Problem(path, _text(dict(entry)))


def wrong_boolean(given: Any, validated: Any, path: Path_ = ()) -> Path_ | None:
    """The path of a true or false given where the configuration made a number of it, or None."""
    if isinstance(given, bool):
        return None if isinstance(validated, bool) else path
    if isinstance(given, Mapping) and isinstance(validated, Mapping):
        pairs: Iterable[tuple[Any, Any, Any]] = ((key, given[key], validated.get(key)) for key in given)
    elif isinstance(given, list | tuple) and isinstance(validated, list | tuple):
        pairs = ((number, one, other) for number, (one, other) in enumerate(zip(given, validated, strict=False)))
    else:
        return None
    wrong = (wrong_boolean(one, other, (*path, key)) for key, one, other in pairs)
    return next((one for one in wrong if one is not None), None)


def _path_in(location: tuple[str | int, ...], data: Any, kind: str) -> Path_:
    """A pydantic location without the names of union members, which stand in no file."""
    path: list[str | int] = []
    for position, part in enumerate(location):
        last = position == len(location) - 1
        if _holds(data, part):
            data = data[part]
        elif not (kind == "missing" and last):
            continue
        path.append(part)
    return tuple(path)


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
        known = _words(str(context["expected"]))
        return f": {_shown(given)} is none of {', '.join(known)}{suggestion(nearest(str(given), known))}"
    if kind == "string_pattern_mismatch":
        return f": {_shown(given)} must be a plain word of letters, digits, '.', '_' and '-'"
    if kind == "too_short" and context["min_length"] == 1:
        return f": at least one entry is expected, found {_shown(given)}"
    if kind in ("model_type", "dict_type"):
        return f": a section with keys is expected, found {_shown(given)}"
    message = str(entry["msg"])
    return f": {message[:1].lower()}{message[1:]}, found {_shown(given)}"


def _words(expected: str) -> list[str]:
    """pydantic's `'a', 'b' or 'c'` as a list."""
    return [word.strip().strip("'") for word in expected.replace(" or ", ", ").split(",") if word.strip()]


def _shown(value: Any) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
