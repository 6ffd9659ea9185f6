"""The JSON Schema of a study file and of a pretraining file, by which editors complete and check: made from the classes that
read them.

A schema says less than they do: what one key asks of another, and what is written in a form of its own, is left to
`prunetune validate`. But a key that does not exist is refused wherever it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from models.section import OneOf
from search.config_file.key_tree import free_sections, known_keys
from search.space.parameter import LISTS, NAMES
from search.study.beside.logging_section import TRACKERS
from search.study.sections import StudySections
from trainables.config.pretrain import PretrainConfig
from trainables.config.trial import TrialConfig

DIALECT = "https://json-schema.org/draft/2020-12/schema"
OF_THE_FILE = "What each key means, and all that a schema cannot say: docs/study-files.md."
PART_OF_ONES_OWN = {"type": "string", "pattern": r":|\.py"}
Schema = dict[str, Any]
BY_ITS_NAME: Schema = {"minProperties": 1, "maxProperties": 1, "additionalProperties": {"type": ["object", "null"]}}
"""A callback with its arguments: `{mine.py:Post: {url: …}}`."""


def study_schema() -> Schema:
    """Of a study file."""
    schema = StudySections.model_json_schema(schema_generator=_Generator)
    trial = TrialConfig.model_json_schema(schema_generator=_Generator)
    definitions = {**schema.pop("$defs"), **{name: _partial(one) for name, one in trial.pop("$defs").items()}}
    trial = _partial(trial)
    keys = _by_dotted_key(trial, definitions)
    patch = {**trial, "properties": {**trial["properties"], **keys}, "type": ["object", "null"]}
    definitions |= {"Trial": _dotted(patch), "Distribution": _distribution()}
    trackers = definitions["LoggingConfig"]["then"]["properties"]
    for name in TRACKERS:
        trackers[name]["anyOf"].append({"type": "boolean"})
    callback = definitions["CallbackConfig"]
    callback["then"] = {"if": {"required": ["use"]}, "then": callback["then"], "else": BY_ITS_NAME}
    # What stands there may be nothing yet.
    schema["properties"] = {key: {"if": {"type": "null"}, "else": one} for key, one in schema["properties"].items()}
    schema["properties"] |= {
        "trial": {"$ref": "#/$defs/Trial", "description": "What all trials share: everything one trial is made of."},
        "arms": {
            "description": "Named patches of the trial that are compared under equal budgets: {rsst: {prune.method: rsst}}.",
            "type": ["object", "null"],
            "additionalProperties": {"$ref": "#/$defs/Trial"},
        },
        "space": _space(keys),
    }
    return _finished(schema, definitions, "A study of prunetune", required=["trial"])


def pretraining_schema() -> Schema:
    """Of a file for `prunetune pretrain`."""
    schema = PretrainConfig.model_json_schema(schema_generator=_Generator)
    definitions = schema.pop("$defs")
    return _finished(schema, definitions, "A pretraining of prunetune", required=schema.get("required", []))


class _Generator(GenerateJsonSchema):
    """Leaves room for what is written in another form than it is kept in."""

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        inner = super().function_before_schema(schema)
        of = getattr(schema["function"]["function"], "__self__", None)
        if isinstance(of, OneOf):
            # An editor may tell of the last alternative alone: it names what the first one has, too.
            named = "|".join(map(re.escape, of.known))
            ones_own = {**PART_OF_ONES_OWN, "pattern": rf"^({named})$|{PART_OF_ONES_OWN['pattern']}"}
            return {"anyOf": [{"enum": list(of.known)}, ones_own]}
        if isinstance(of, type) and issubclass(of, BaseModel):
            # A whole section may be written shorter; written as a section it has its keys.
            return {"if": {"type": "object"}, "then": {**inner, "additionalProperties": False}}
        return {"anyOf": [inner, {}]}


def _partial(section: Schema) -> Schema:
    """A section of which a study may say as little as it likes: arms or the space may say the rest."""
    less = {key: value for key, value in section.items() if key != "required"}
    return {**less, "then": _partial(section["then"])} if "then" in section else less


def _by_dotted_key(trial: Schema, definitions: Mapping[str, Schema]) -> dict[str, Schema]:
    """Every dotted key of a trial, with and without `trial.` before it, and what may stand there."""
    found = {key: _at(key, trial, definitions) for key in known_keys() if "." in key}
    plain = {key: trial["properties"][key] for key in known_keys() if "." not in key}
    return {**found, **{f"trial.{key}": one for key, one in {**plain, **found}.items()}}


def _at(key: str, trial: Schema, definitions: Mapping[str, Schema]) -> Schema:
    """The schema of a dotted key; anything, where it stands in one of several forms that a section may have."""
    here: Schema = trial
    for part in key.split("."):
        sections = [one for one in _sections(here, definitions) if part in one.get("properties", {})]
        if not sections:
            return {}
        here = sections[0]["properties"][part]
    return here


def _sections(schema: Schema, definitions: Mapping[str, Schema]) -> Iterator[Schema]:
    """A schema's alternatives, references followed."""
    if "$ref" in schema:
        yield from _sections(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    for one in (*schema.get("anyOf", ()), *([schema["then"]] if "then" in schema else ())):
        yield from _sections(one, definitions)
    if "properties" in schema:
        yield schema


def _dotted(section: Schema) -> Schema:
    """With what may stand below sections that take anything, such as `model.args.depth`."""
    free = "|".join(re.escape(key) for key in free_sections())
    return {**section, "patternProperties": {rf"^(trial\.)?({free})\.": {}}}


def _space(keys: Mapping[str, Schema]) -> Schema:
    told = {"$ref": "#/$defs/Distribution"}
    top = {key.removeprefix("trial."): told for key in keys}
    described = {key: {**told, **_description(keys.get(key, {}))} for key in {**top, **keys}}
    return _dotted(
        {
            "description": "The keys of the trial that are searched, each with a distribution.",
            "type": ["object", "null"],
            "properties": described,
            "additionalProperties": False,
        }
    )


def _distribution() -> Schema:
    """One distribution, or a list of them under different conditions; null in an option leaves a key out of the search."""
    numbers = {"type": "array", "minItems": 2, "maxItems": 3}
    lists = {"type": "array", "minItems": 1}
    one = {
        "type": "object",
        "properties": {
            **{name: lists if name in LISTS else numbers for name in NAMES},
            "step": {"description": "Only every step-th value."},
            "arms": {"description": "Only in these arms."},
            "when": {"type": "object", "description": "Only where another key has this value, or one of these."},
        },
        "oneOf": [{"required": [name]} for name in NAMES],
        "additionalProperties": False,
    }
    return {"anyOf": [one, {"type": "array", "items": one}]}


def _description(schema: Schema) -> Schema:
    return {"description": schema["description"]} if "description" in schema else {}


def _finished(schema: Schema, definitions: Mapping[str, Schema], title: str, required: list[str]) -> Schema:
    """In the dialect's form, with one paragraph for each key."""
    whole = {**schema, "$defs": definitions, "title": title, "description": OF_THE_FILE, "required": required}
    cleaned: Schema = _cleaned(whole)
    return {"$schema": DIALECT, **cleaned}


def _cleaned(value: Any) -> Any:
    if isinstance(value, list):
        return [_cleaned(one) for one in value]
    if not isinstance(value, dict):
        return value
    cleaned = {key: _cleaned(one) for key, one in value.items() if (key, one) != ("format", "path")}
    if isinstance(value.get("properties"), dict):
        cleaned["properties"] = {key: _cleaned(_of_field(one)) for key, one in value["properties"].items()}
    if "then" in cleaned and cleaned.get("additionalProperties") is False:
        del cleaned["additionalProperties"]  # it is within, where the section's keys are
    if isinstance(cleaned.get("description"), str):
        cleaned["description"] = " ".join(cleaned["description"].split("\n\n")[0].split())
    return cleaned


def _of_field(schema: Schema) -> Schema:
    """A key as it is shown: what `described` says of its values stands before its description, and the defaults of a whole
    section stand at its keys."""
    left = {key: one for key, one in schema.items() if key not in ("title", "values")}
    if isinstance(left.get("default"), dict) or "values" in schema:
        left.pop("default", None)
    if "values" in schema:
        left["description"] = f"{schema['values']}. {schema.get('description', '')}".strip()
    return left
