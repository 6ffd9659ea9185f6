"""The reference page of study files, made from the classes that read them.

`python -m search.reference > docs/study-files.md` renews it.
"""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
import types
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from models.section import OneOf
from search.reference_text import DEFAULTS, MEANINGS, OPENING, RANGES, SECTIONS, SPACE
from search.study.sections import CompareConfig, ResourcesConfig, RetentionConfig, SchedulerConfig, SearchConfig
from trainables.config.trial import TrialConfig

ROOTS: dict[str, type[BaseModel]] = {
    "trial": TrialConfig,
    "search": SearchConfig,
    "scheduler": SchedulerConfig,
    "resources": ResourcesConfig,
    "compare": CompareConfig,
    "retention": RetentionConfig,
}
COMPLETE = Path(__file__).resolve().parents[1] / "docs" / "complete-study.yaml"
NUMBERS = {int: "whole number", float: "number", str: "text", bool: "true or false", Path: "path"}


@dataclass(frozen=True)
class Key:
    """One row: a dotted key, what it may be, its default, and what it means."""

    key: str
    values: str
    default: str
    meaning: str


def page() -> str:
    """The whole page, in Markdown."""
    parts = [OPENING, _complete()]
    for name, root in ROOTS.items():
        if name == "search":
            parts.append(SPACE)
        parts += [_table(section, model) for section, model in sections(name, root)]
    return "\n".join(parts)


def _complete() -> str:
    """A whole study with every section, from the file that a test reads as one."""
    lines = ["## A complete study", "", f"This is [{COMPLETE.name}]({COMPLETE.name}), a file to start from.", ""]
    return "\n".join([*lines, "```yaml", COMPLETE.read_text(encoding="utf-8").rstrip("\n"), "```", ""])


def sections(name: str, model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    """A section and those within it, in the order of their definition."""
    yield name, model
    for key, field in model.model_fields.items():
        inner = _section_of(field)
        if inner is not None and f"{name}.{key}" not in RANGES:
            yield from sections(f"{name}.{key}", inner)


def keys(section: str, model: type[BaseModel]) -> list[Key]:
    """The rows of one section; the keys that are sections themselves are left out."""
    said = sentences(model)
    rows = []
    for name, field in model.model_fields.items():
        key = f"{section}.{name}"
        if _section_of(field) is not None and key not in RANGES:
            continue
        meaning = " ".join([one for one in (MEANINGS.get(key), said.get(name)) if one])
        rows.append(Key(key, RANGES.get(key) or _values(field), DEFAULTS.get(key) or _default(field), meaning))
    return rows


@cache
def sentences(model: type[BaseModel]) -> dict[str, str]:
    """Field → the string that stands below it in its class."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(model))).body
    assert isinstance(definition, ast.ClassDef)
    found = {}
    for field, below in zip(definition.body, definition.body[1:], strict=False):
        text = below.value if isinstance(below, ast.Expr) else None
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(text, ast.Constant):
            found[field.target.id] = " ".join(str(text.value).split())
    return found


def _table(section: str, model: type[BaseModel]) -> str:
    rows = keys(section, model)
    about = SECTIONS.get(section) or (model.__doc__ or "").strip().splitlines()[0]
    lines = [f"## `{section}`", "", about, ""]
    if rows:
        lines += ["| key | values | default | meaning |", "|---|---|---|---|"]
        cells = ((f"`{row.key.rpartition('.')[2]}`", row.values, row.default, row.meaning) for row in rows)
        lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in cells]
        lines.append("")
    return "\n".join(lines)


def _section_of(field: FieldInfo) -> type[BaseModel] | None:
    annotation = field.annotation
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def _values(field: FieldInfo) -> str:
    return _described(field.annotation, field.metadata)


def _described(annotation: Any, metadata: Any = ()) -> str:
    """What a type allows, in words."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _described(arguments[0], (*arguments[1:], *metadata))
    for one in metadata:
        if isinstance(one, OneOf):
            return ", ".join(f"`{name}`" for name in one.known)
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if origin in (Union, types.UnionType):
        shown = [_described(one, metadata) for one in arguments if one is not type(None)]
        return " or ".join(shown) + (" or null" if type(None) in arguments else "")
    if origin is tuple:
        inner = [one for one in arguments if one is not Ellipsis]
        return f"list of {'' if Ellipsis in arguments else f'{len(inner)} x '}{_described(inner[0])}"
    if origin is dict or annotation is dict:
        return "section"
    return NUMBERS[annotation] + _bounds(metadata)


def _bounds(metadata: Any) -> str:
    """Limits, those inside a pydantic Field included."""
    flat = [one for entry in metadata for one in (entry.metadata if isinstance(entry, FieldInfo) else [entry])]
    texts = []
    for limit in flat:
        if isinstance(limit, annotated_types.Ge):
            texts.append(f"≥ {limit.ge:g}")
        if isinstance(limit, annotated_types.Gt):
            texts.append(f"> {limit.gt:g}")
        if isinstance(limit, annotated_types.Le):
            texts.append(f"≤ {limit.le:g}")
        if isinstance(limit, annotated_types.Lt):
            texts.append(f"< {limit.lt:g}")
    return f" {', '.join(texts)}" if texts else ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    assert value is not PydanticUndefined
    if isinstance(value, tuple):
        value = list(value)
    return f"`{value}`" if isinstance(value, str) else f"`{json.dumps(value, default=str)}`"


if __name__ == "__main__":
    print(page(), end="")
