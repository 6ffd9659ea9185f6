"""Values of the keys of a study file, drawn from what pydantic says of them: at their bounds, beyond, and of other kinds."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

from hypothesis import strategies as st
from pydantic import BaseModel

from search.config_file.key_tree import known_keys
from search.study.sections import StudySections
from trainables.config.trial import TrialConfig

KEYS_OF_TRIAL = known_keys(TrialConfig)
KEYS_OF_STUDY = tuple(key for key in known_keys(StudySections) if key not in ("trial", "arms", "space"))

ODD: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 3, 10**6, 10**9, 10**18, 2**63, 10**30, 10**400, -(10**30), 0.0, -0.0, 0.5, 1.0,
    1.5, -1.5, 5e-324, 1e-300, 1e300, math.inf, -math.inf, math.nan, "", " ", "1", "0.5", "true", "null", "x", "é",
    "\t", "a.b", "x" * 500, "/", "..", "\x07", "2026-01-02", "1e3", "auto", "[1]", [], [None], [1], [[]], [1, 1],
    ["x", "y"], [math.nan], {}, {"a": 1}, {"": 1}, {1: 2}, {None: 1}, {True: 1}, {1.5: 1},
    {"a": {"b": [1, {"c": None}]}}, {"a.b": 1}, {"trial": 1}, list(range(50)),
)  # fmt: skip
ODD_VALUES = st.sampled_from(ODD)
NUMBERS = (
    0, 1, 2, 3, 4, 5, 7, 16, 64, 100, 1000, 10**5, 10**7, 10**9, 10**12, 2**31, 2**63, 10**30, -1,
)  # fmt: skip
REALS = (
    0.0, 1e-300, 1e-9, 1e-3, 0.1, 0.3, 0.5, 0.9, 0.999999, 1.0, 1.5, 4.0, 100.0, 1e9, 1e300, -0.5,
)  # fmt: skip
WORDS = (
    "x", "auto", "cpu", "cuda", "vit_micro", "vit_small", "twistnet18", "timm:resnet18", "timm:nothing", "refill",
    "rsst", "dense", "both", "2h30m", "rand-m9", "macs <= 0.3", "val_accuracy", "../x", "weights:x",
)  # fmt: skip


@cache
def values_of_key(key: str) -> st.SearchStrategy[Any]:
    """The values of a dotted key of a study file, one in ten of them of any kind."""
    root, inner = (TrialConfig, key.removeprefix("trial.")) if key.startswith("trial.") else (StudySections, key)
    schemas = list(_found(_schema(root), inner.split("."), _schema(root)))
    own = st.one_of([_values(schema, _schema(root)) for schema in schemas]) if schemas else ODD_VALUES
    return st.integers(0, 9).flatmap(lambda which: ODD_VALUES if which == 0 else own)


@cache
def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema()


def _resolved(schema: dict[str, Any], root: dict[str, Any]) -> list[dict[str, Any]]:
    """What a schema stands for: those that it refers to or is one of."""
    if "$ref" in schema:
        return _resolved(root["$defs"][schema["$ref"].split("/")[-1]], root)
    for word in ("anyOf", "oneOf", "allOf"):
        if word in schema:
            return [one for inner in schema[word] for one in _resolved(inner, root)]
    return [schema]


def _found(schema: dict[str, Any], parts: list[str], root: dict[str, Any]) -> list[dict[str, Any]]:
    if not parts:
        return _resolved(schema, root)
    inner = [one["properties"][parts[0]] for one in _resolved(schema, root) if parts[0] in one.get("properties", {})]
    return [found for one in inner for found in _found(one, parts[1:], root)]


def _values(schema: dict[str, Any], root: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values that a schema allows, and a little beyond its bounds."""
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    kind = schema.get("type")
    if kind == "null":
        return st.none()
    if kind == "boolean":
        return st.booleans()
    if kind == "integer":
        return st.sampled_from([*NUMBERS, *(int(bound) + one for bound in _bounds(schema) for one in (-1, 0, 1))])
    if kind == "number":
        near = [
            one
            for bound in _bounds(schema)
            for one in (bound, math.nextafter(bound, 9e99), math.nextafter(bound, -9e99))
        ]
        return st.sampled_from([*REALS, *near])
    if kind == "array":
        items = schema.get("prefixItems") or [schema.get("items", {})]
        inner = st.one_of([_values(one, root) for item in items for one in _resolved(item, root)])
        return st.lists(inner, min_size=0, max_size=4)
    if kind == "object" and "properties" in schema:
        return _sections(schema, root)
    if kind == "object":
        return st.dictionaries(
            st.sampled_from(["a", "b", "drop_path_rate", "train.lr", "prune.method"]), ODD_VALUES, max_size=2
        )
    return st.sampled_from(WORDS) if kind == "string" else ODD_VALUES


def _sections(schema: dict[str, Any], root: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Sections with what is required and up to three other keys."""

    def one(name: str) -> st.SearchStrategy[Any]:
        return st.one_of([_values(found, root) for found in _resolved(schema["properties"][name], root)])

    required = {name: one(name) for name in schema.get("required", [])}
    names = st.lists(st.sampled_from(sorted(schema["properties"])), max_size=3, unique=True)
    return names.flatmap(lambda chosen: st.fixed_dictionaries({**required, **{name: one(name) for name in chosen}}))


def _bounds(schema: dict[str, Any]) -> list[float]:
    words = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
    return [float(schema[word]) for word in words if word in schema]
