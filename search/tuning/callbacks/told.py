"""`callbacks.jsonl` in a run's folder: which callbacks have been told of what, so that a resumed run does not tell it again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from models import writes
from models.errors import UserError
from trainables.files.json_lines import complete_lines, encode
from trainables.files.record import drop_torn_line

CALLBACKS_FILE = "callbacks.jsonl"


class ToldEvents:
    """The names of the events that each callback has been told of. The caller holds the run's lock."""

    def __init__(self, run: Path) -> None:
        """UserError for a damaged file."""
        self._file = run / CALLBACKS_FILE
        self._told: dict[str, set[str]] = {}
        try:
            lines = complete_lines(self._file) if self._file.exists() else []
            for line in lines:
                self._told.setdefault(line["callback"], set()).update(line["told"])
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{self._file}: damaged ({error}); remove it, and callbacks are told everything from the beginning"
            ) from error

    def of(self, callback: str) -> set[str]:
        return self._told.setdefault(callback, set())

    def note(self, callback: str, names: Sequence[str]) -> None:
        """These have been told now."""
        with self._file.open("a+b") as handle:
            drop_torn_line(handle)
            writes.append(handle, encode({"callback": callback, "told": list(names)}))
        self.of(callback).update(names)
