"""Files of one JSON object a line, and JSON without numbers that are not finite, which it has no words for."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def complete_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a JSON-lines file, without a last one that was torn off in writing."""
    return parsed_lines([line for line in path.read_bytes().split(b"\n")[:-1] if line.strip()])


def parsed_lines(lines: Sequence[bytes | bytearray]) -> list[dict[str, Any]]:
    """What each line holds. JSONDecodeError where one is no value by itself."""
    try:
        # All at once takes half the time. Where that gives another number of values, a line is no value by itself.
        values: list[dict[str, Any]] = json.loads(b"[" + b",".join(lines) + b"]")
    except ValueError:
        values = []
    return values if len(values) == len(lines) else [json.loads(line) for line in lines]


def encode(line: Mapping[str, Any]) -> bytes:
    return finite_json(line, separators=(",", ":")).encode("utf-8") + b"\n"


def finite_json(value: Any, separators: tuple[str, str] | None = None) -> str:
    """JSON of the value as `finite` has it."""
    try:
        # Mostly all is finite, and looking at each number takes longer than writing it.
        return json.dumps(value, separators=separators, allow_nan=False)
    except (TypeError, ValueError):
        return json.dumps(finite(value), separators=separators, allow_nan=False)


def finite(value: Any) -> Any:
    """The same JSON value with every number that is not finite turned into null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [finite(entry) for entry in value]
    return value
