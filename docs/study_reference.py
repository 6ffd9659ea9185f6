"""The reference page of study files, made from the classes that read them.

`python docs/study_reference.py > docs/study-files.md` renews it.
"""

from __future__ import annotations

import json
import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from models.section import OneOf
from search.study.beside.logging_section import CometConfig, LoggingConfig, MlflowConfig, WandbConfig
from search.study.searching.scheduler import SchedulerConfig
from search.study.sections import CompareConfig, ResourcesConfig, RetentionConfig, SearchConfig
from trainables.config.distill import TeacherConfig
from trainables.config.pretrain import Expected, PretrainConfig, PretrainModel
from trainables.config.trial import TrialConfig

ROOTS: dict[str, type[BaseModel]] = {
    "trial": TrialConfig,
    "search": SearchConfig,
    "scheduler": SchedulerConfig,
    "resources": ResourcesConfig,
    "compare": CompareConfig,
    "retention": RetentionConfig,
    "logging": LoggingConfig,
}
COMPLETE = Path(__file__).with_name("complete-study.yaml")
FORMS: tuple[type[BaseModel], ...] = (TeacherConfig, MlflowConfig, WandbConfig, CometConfig)
"""Sections that are one form of a key whose other form is a word or null, and have a table all the same."""
NUMBERS = {int: "whole number", float: "number", str: "text", bool: "true or false", Path: "path"}
OPENING = """# Study files

A study file is YAML. `prunetune validate STUDY` checks one without running it. A key that does not exist is an error that
names its line and the nearest key that does. Relative paths are taken from the file's folder. Any key can be set on the
command line, `--set trial.train.lr=0.001`; on a searched key that fixes it.

Editors with a YAML language server (VS Code's YAML extension, Neovim, Emacs, JetBrains) complete keys, show what they mean
and mark wrong ones by a schema, which `prunetune schema > study.schema.json` writes (`--pretrain`: of pretraining files),
where the file's first line names it:

```yaml
# yaml-language-server: $schema=study.schema.json
```

This page is made from the classes that read the file, by `python docs/study_reference.py`; a test keeps it current.

| section | what it holds |
|---|---|
| `name` | names the run's folder; default: the file's own name |
| `trial` | what all trials share: everything one trial is made of |
| `arms` | named patches of `trial` that are compared under equal budgets, such as `rsst: {prune.method: rsst}` |
| `space` | the keys of `trial` that are searched, each with a distribution |
| `search` | how they are searched, by what, and the confirm phase |
| `scheduler` | early stopping |
| `resources` | processors, GPUs, time |
| `compare` | what will be claimed, fixed before running |
| `retention` | which networks stay on the disk |
| `callbacks` | objects [of one's own](own-search.md#callbacks) that are told how the study goes |
| `logging` | where trials are shown as they run: TensorBoard, MLflow, Weights & Biases, Comet ([trackers.md](trackers.md)) |
| `provenance` | written by `prunetune export`; changes nothing |
"""

SPACE = """## `space`

A key relative to `trial`, and how it is drawn:

| written as | draws |
|---|---|
| `{uniform: [low, high]}` | a number; with `step: s` only every s-th |
| `{log_uniform: [low, high]}` | a number, uniform in its logarithm |
| `{quniform: [low, high, step]}` | the same as `uniform` with `step` |
| `{int: [low, high]}` | a whole number; with `step: s` only every s-th |
| `{log_int: [low, high]}` | a whole number, uniform in its logarithm |
| `{choice: [a, b, ...]}` | one of these; each may be a list or a whole section |
| `{grid: [a, b, ...]}` | the same; the word says that a grid runs them all |

`arms: [rsst]` beside a distribution searches the key in those arms alone. `when: {other.key: value}` (or a list of values)
searches it only where the other key has that value. A list of distributions searches one key differently under different
conditions. A key that is searched must not be patched by an arm that searches it.
"""


PRETRAINING = """## Pretraining files

`prunetune pretrain CONFIG` reads a file of its own ([pretraining.md](pretraining.md)); `configs/pretrain_*.yaml` are some.
"""
PRETRAINING_ROOTS: dict[str, type[BaseModel]] = {
    "pretraining": PretrainConfig,
    "pretraining.model": PretrainModel,
    "pretraining.expected": Expected,
}


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
    parts += [PRETRAINING, *(_table(section, model) for section, model in PRETRAINING_ROOTS.items())]
    return "\n".join(parts)


def _complete() -> str:
    """A whole study with every section, from the file that a test reads as one."""
    lines = ["## A complete study", "", f"This is [{COMPLETE.name}]({COMPLETE.name}), a file to start from.", ""]
    return "\n".join([*lines, "```yaml", COMPLETE.read_text(encoding="utf-8").rstrip("\n"), "```", ""])


def sections(name: str, model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    """A section and those within it, in the order of their definition."""
    yield name, model
    for key, field in model.model_fields.items():
        inner = _section_of(field) or _form_of(field.annotation)
        if inner is not None:
            yield from sections(f"{name}.{key}", inner)


def keys(section: str, model: type[BaseModel]) -> list[Key]:
    """The rows of one section; the keys that are sections themselves are left out."""
    rows = []
    for name, field in model.model_fields.items():
        if _section_of(field) is None:
            rows.append(
                Key(f"{section}.{field.alias or name}", _values(field), _default(field), words(field.description))
            )
    return rows


def words(text: str | None) -> str:
    """The first paragraph of a docstring in one line."""
    return " ".join((text or "").strip().split("\n\n")[0].split())


def _table(section: str, model: type[BaseModel]) -> str:
    rows = keys(section, model)
    lines = [f"## `{section}`", "", words(model.__doc__), ""]
    if rows:
        lines += ["| key | values | default | meaning |", "|---|---|---|---|"]
        cells = ((f"`{row.key.rpartition('.')[2]}`", row.values, row.default, row.meaning) for row in rows)
        lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in cells]
        lines.append("")
    return "\n".join(lines)


def _own_words(field: FieldInfo) -> dict[str, Any]:
    """What `described` says of the field."""
    return field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}


def _section_of(field: FieldInfo) -> type[BaseModel] | None:
    annotation = field.annotation
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def _form_of(annotation: Any) -> type[BaseModel] | None:
    if get_origin(annotation) is Annotated:
        return _form_of(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return next((form for one in get_args(annotation) if (form := _form_of(one)) is not None), None)
    return annotation if annotation in FORMS else None


def _values(field: FieldInfo) -> str:
    return str(_own_words(field).get("values") or _described(field.annotation, field.metadata))


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
    value = _own_words(field).get("default") or field.get_default(call_default_factory=True)
    assert value is not PydanticUndefined
    if isinstance(value, tuple):
        value = list(value)
    return f"`{value}`" if isinstance(value, str) else f"`{json.dumps(value, default=str)}`"


if __name__ == "__main__":
    print(page(), end="")
