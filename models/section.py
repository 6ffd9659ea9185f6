"""What every section of a configuration is made of; the packages above write their own sections with it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticKnownError, core_schema


class Section(BaseModel):
    """A part of a configuration: frozen, and unknown keys are errors.

    Its docstring's first paragraph and the strings under its fields stand in docs/study-files.md.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True, serialize_by_alias=True
    )


def described(values: str, default: str | None = None) -> Any:
    """Words for docs/study-files.md, in `Annotated[...]`: what a key may be, where its type alone would describe it badly."""
    return Field(json_schema_extra={"values": values} if default is None else {"values": values, "default": default})


def finite_throughout(value: Any) -> Any:
    """The value, which may hold anything; ValueError where that is a number that is not finite. NaN is not even equal to
    itself, so that a configuration with it would not be the one that was recorded."""
    for one in value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ():
        finite_throughout(one)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"finite numbers are expected, found {value}")
    return value


@dataclass(frozen=True, eq=False)
class OneOf:
    """Stands in `Annotated[str, OneOf(known)]`: one of the names in `known`.

    Like a Literal, error included, but of the names there are when a value is checked: those registered later count too.
    """

    known: Mapping[str, object]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._checked, handler(source))

    def _checked(self, value: object) -> object:
        if isinstance(value, str) and value in self.known:
            return value
        if isinstance(value, str) and (":" in value or ".py" in value):
            raise ValueError(
                f"{value!r} is neither a name that is known here nor a part of one's own, which is written module:object or "
                "path/to/file.py:object"
            )
        *others, last = [repr(name) for name in self.known]
        expected = f"{', '.join(others)} or {last}" if others else last
        raise PydanticKnownError("literal_error", {"expected": expected})
