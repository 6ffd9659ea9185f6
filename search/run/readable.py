"""Damaged or foreign files of a run, said in one line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import MISSING, Field
from pathlib import Path
from typing import Any

from models.errors import UserError
from trainables.files.record import RECORD_SCHEMA_VERSION, StateEnd, complete_lines, record_path
from trainables.files.request import REQUEST_FILE


@contextmanager
def readable(run: Path) -> Iterator[None]:
    """Check the run's records before the block, so that damage is one clear line and not a traceback later."""
    trials = run / "trials"
    for folder in sorted(trials.iterdir()) if trials.is_dir() else ():
        if record_path(folder).exists():
            check_record(record_path(folder))
        if (folder / REQUEST_FILE).exists():
            check_request(folder / REQUEST_FILE)
    yield


def check_request(path: Path) -> None:
    """Raise UserError where what a trial was asked to be cannot be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: damaged ({error}); remove this trial's folder and resume the run") from error
    if not isinstance(content, dict) or not {"identity", "config", "values", "drawn", "source"} <= set(content):
        raise UserError(f"{path}: no request of a trial; remove this trial's folder and resume the run")


def check_record(path: Path) -> None:
    """Raise UserError where a record is damaged or of another version of prunetune."""
    try:
        lines = complete_lines(path)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: damaged ({error}); remove this trial's folder and resume the run") from error
    if not lines:
        return
    first = lines[0]
    if not isinstance(first, dict) or first.get("kind") != "config":
        raise UserError(f"{path}: its first line is no configuration; remove this trial's folder and resume the run")
    if first.get("schema_version") != RECORD_SCHEMA_VERSION:
        raise UserError(
            f"{path}: written as version {first.get('schema_version')} of the record, this prunetune reads version "
            f"{RECORD_SCHEMA_VERSION}; use the prunetune that made the run"
        )
    for number, line in enumerate(lines, start=1):
        if not isinstance(line, dict) or "kind" not in line or not _is_whole(line):
            raise UserError(f"{path}, line {number}: damaged; remove this trial's folder and resume the run")


def _is_whole(line: dict[str, Any]) -> bool:
    """Whether a line has what is read of it; a trial before its data were known has a configuration line without more."""
    if line["kind"] == "state":
        return all(name in line for name, of in StateEnd.__dataclass_fields__.items() if _is_required(of))
    needed = {"config": {"identity", "config"}, "end": {"status"}}.get(line["kind"], set())
    return needed <= set(line)


def _is_required(of: Field[Any]) -> bool:
    return of.default is MISSING and of.default_factory is MISSING
