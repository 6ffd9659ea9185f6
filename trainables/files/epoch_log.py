"""The log of a pretraining's folder: a line of figures for each epoch. A folder that has one is a pretraining's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from models import atomic
from trainables.files.json_lines import encode

LOG = "log.jsonl"


def write_log(folder: Path, lines: Sequence[Mapping[str, Any]]) -> None:
    """In place of the one that is there."""
    atomic.write_bytes(folder / LOG, b"".join(encode(line) for line in lines))


def has_log(folder: Path) -> bool:
    return (folder / LOG).is_file()
