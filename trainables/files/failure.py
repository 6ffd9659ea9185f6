"""A failure, written into the trial's record by whoever saw it: the trial's own process, or the driver where that died."""

from __future__ import annotations

import errno
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from models import atomic
from models.errors import UserError
from models.versions import ROOT
from trainables.files.record import RecordWriter, end_line, read_record
from trainables.files.request import TrialRequest

ERROR_FILE = "error.txt"
KEPT_CHARACTERS = 200_000
"""Of `error.txt`: where a trial is lost again and again, what was said first goes."""
NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})
FAILING = frozenset({errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.ENODEV, errno.ENXIO, errno.ENOTCONN})
"""A disk or a mount that does not answer as it should."""
OURS = tuple(str(ROOT / package) for package in ("models", "pruning", "trainables"))

FailureClass = Literal["error", "gpu_memory", "process", "node"]
"""The trial's own error; a GPU whose memory did not do; a process that died; a machine that was lost."""


@dataclass(frozen=True)
class Failure:
    """`told` is one line for people. `exception` and `place` say which error it was and where, whatever numbers it names."""

    of: FailureClass
    told: str
    exception: str | None = None
    place: str | None = None

    @classmethod
    def by(cls, error: BaseException) -> Failure:
        """Of a trial that raised this in its own process. A user's mistake is known by what it says: it has no place."""
        if isinstance(error, UserError):
            return cls("error", describe(error))
        of: FailureClass = "gpu_memory" if is_out_of_gpu_memory(error) else "error"
        return cls(of, describe(error), type(error).__name__, _place(error.__traceback__))

    @classmethod
    def of_end(cls, end: dict[str, Any]) -> Failure:
        """What the last line of a failed trial's record says; older ones say only what was told."""
        return cls(end.get("failure", "error"), str(end.get("error")), end.get("exception"), end.get("place"))

    @property
    def sameness(self) -> tuple[str | None, ...]:
        """Equal for failures that have one cause, as far as can be told."""
        if self.of != "error":
            return (self.of,)
        return (self.exception, self.place) if self.place else (self.told,)

    def to_json(self) -> dict[str, Any]:
        where = {"exception": self.exception, "place": self.place}
        return {"error": self.told, "failure": self.of} | {key: value for key, value in where.items() if value}


def describe(error: BaseException) -> str:
    """One line: a user's mistake as it reads, anything else with the name of its class."""
    text = str(error).strip().split("\n")[0]
    return text if isinstance(error, UserError) else f"{type(error).__name__}: {text}"


def is_out_of_gpu_memory(error: BaseException) -> bool:
    torch = sys.modules.get("torch")
    # Who has not loaded it has used no GPU.
    return torch is not None and isinstance(error, torch.OutOfMemoryError)


def is_of_the_disk(error: BaseException) -> bool:
    """Nothing can be written any more, or files are out of reach: no fault of the trial, and nothing about it can be
    recorded for sure."""
    return isinstance(error, OSError) and error.errno in NO_SPACE | FAILING


def record_failure(
    folder: Path, request: TrialRequest, failure: Failure, details: str = "", *, generation: int
) -> None:
    """End a trial's record as failed, as this launch has seen. The details, such as a whole traceback, go to `error.txt`
    beside it."""
    if details:
        keep_details(folder, details)
    writer = RecordWriter(folder, generation)
    if read_record(folder) is None:
        writer.start({"identity": request.identity.to_json(), "config": request.config})
    writer.append(end_line("failed", **failure.to_json()))


def keep_details(folder: Path, details: str) -> None:
    """Add to `error.txt`, with the time."""
    path = folder / ERROR_FILE
    before = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    said = f"{before}== {time.strftime('%Y-%m-%d %H:%M:%S')}\n{details.rstrip()}\n\n"
    atomic.write_text(path, said[-KEPT_CHARACTERS:])


def traceback_of(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


def _place(of: TracebackType | None) -> str | None:
    """`FILE, FUNCTION` of the innermost call that is this project's own: the same for every trial that fails there."""
    frames = [frame for frame in traceback.extract_tb(of) if frame.filename.startswith(OURS)]
    return f"{Path(frames[-1].filename).relative_to(ROOT)}, {frames[-1].name}" if frames else None
