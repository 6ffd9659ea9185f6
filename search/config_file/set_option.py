"""`--set KEY=VALUE`, as a study file and a pretraining file take it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from models.errors import UserError
from search.config_file import yaml_file

LONGEST_SHOWN = 200
"""Of what was written, in an error."""


@dataclass(frozen=True)
class SetOption:
    """`option` is the whole of it, for messages; `value` is YAML but for a name, which is text whatever it looks like."""

    option: str
    key: str
    value: Any


def read_set(text: str, example: str) -> SetOption:
    """UserError where it is no KEY=VALUE, such as `example`, or its value no YAML."""
    key, equals, value_text = text.partition("=")
    key = key.strip()
    option = f"--set {text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + '...'}"
    if not equals or not all(key.split(".")):
        raise UserError(f"{option}: KEY=VALUE is expected, such as --set {example}")
    value = value_text.strip() if key == "name" else yaml_file.parse(value_text, option).content
    return SetOption(option, key, value)
