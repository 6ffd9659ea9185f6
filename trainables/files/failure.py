"""A crash, written into the trial's record by whoever saw it: the trial's own process, or the driver where that died."""

from __future__ import annotations

import traceback
from pathlib import Path

from models import atomic
from models.errors import UserError
from trainables.files.record import RecordWriter, end_line, read_record
from trainables.files.request import TrialRequest

ERROR_FILE = "error.txt"


def describe(error: BaseException) -> str:
    """One line: a user's mistake as it reads, anything else with the name of its class."""
    text = str(error).strip().split("\n")[0]
    return text if isinstance(error, UserError) else f"{type(error).__name__}: {text}"


def record_failure(folder: Path, request: TrialRequest, error: str, details: BaseException | None = None) -> None:
    """End a trial's record as failed. The whole traceback, if there is one, goes to `error.txt` beside it."""
    if details is not None:
        text = "".join(traceback.format_exception(details))
        atomic.write_text(folder / ERROR_FILE, text)
    writer = RecordWriter(folder)
    if read_record(folder) is None:
        writer.start({"identity": request.identity.to_json(), "config": request.config})
    writer.append(end_line("failed", error=error))
