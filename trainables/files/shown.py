"""A trial as its record has it, for the command that ran it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trainables.files.record import read_record

OF_STATE = ("state", "val_accuracy", "params", "macs", "removed_percent", "removed_of_all_percent", "kept")


def shown_result(folder: Path) -> dict[str, Any]:
    """What `prunetune trial --json` prints of the trial in this folder."""
    record = read_record(folder)
    if record is None:
        raise RuntimeError(f"{folder}: no record")
    return {
        "run": str(folder),
        "status": record.status,
        "config": record.config,
        "states": [{key: getattr(end, key) for key in OF_STATE} for end in record.states],
        "test_accuracy": record.states[-1].test_accuracy if record.states else None,
    }
