"""`driver.log` in a run's folder: everything that its launches said, and how each ended, with the time of every line.

What Ray Tune says goes there alone: a trial's crash is told in one line from its record, and Tune would print a traceback
of its own over the live table.
"""

from __future__ import annotations

import logging
import os
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from models.errors import UserError
from search.console import announce

DRIVER_LOG = "driver.log"
TUNE = "ray.tune"
NOT_KEPT = ("ray.tune.analysis", "ray.tune.tune")
"""They look for Tune's own results, which are not written, and count a trial that has gone on elsewhere as lost."""


class _Handler(logging.StreamHandler[TextIO]):
    def handleError(self, record: logging.LogRecord) -> None:
        """Nothing: a full disk is told where records cannot be written, and not on the terminal for each line of a log."""


class DriverLog:
    """For the time of a launch. Text is added to what earlier launches said; each line is on the disk as it is said."""

    def __init__(self, run: Path, generation: int, command: Sequence[str]) -> None:
        self._file = (run / DRIVER_LOG).open("a", encoding="utf-8", buffering=1)
        self._handler = _Handler(self._file)
        self._handler.addFilter(lambda record: not record.name.startswith(NOT_KEPT))
        self._handler.setFormatter(logging.Formatter("%(asctime)s %(name)s: %(message)s", "%Y-%m-%d %H:%M:%S"))
        self.say(f"launch {generation}: {' '.join(command)}")

    def say(self, text: str) -> None:
        # It may be closed; and a full disk ends a launch where its records cannot be written, not here.
        with suppress(OSError, ValueError):
            self._file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n")

    def announce(self, text: str) -> None:
        """On the terminal as well."""
        announce(text)
        self.say(text)

    def end(self, reason: str) -> None:
        """Write nothing more: the run is another process's, and so is this file."""
        announce(f"leaving: {reason}")
        with suppress(OSError):
            self._handler.setStream(open(os.devnull, "w"))  # noqa: SIM115  (closed with the process)
            self._file.close()

    def __enter__(self) -> Self:
        logger = logging.getLogger(TUNE)
        self._before = (logger.level, logger.propagate)
        logger.setLevel(logging.WARNING)
        logger.propagate = False
        logger.addHandler(self._handler)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        logger = logging.getLogger(TUNE)
        logger.removeHandler(self._handler)
        level, logger.propagate = self._before
        logger.setLevel(level)
        if isinstance(error, UserError):
            self.say(f"error: {error}")
        elif isinstance(error, KeyboardInterrupt):
            self.say("left at once: interrupted")
        elif error is not None:
            self.say("".join(traceback.format_exception(error)).rstrip())
        with suppress(OSError):
            self._file.close()
