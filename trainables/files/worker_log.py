"""What a trial's process says, kept in the trial's folder: Ray's own copy goes with its temporary folder, or the machine.

It is the standard output and error of the process itself that are turned to the file, so what libraries, loaders' processes and
the interpreter say as they die is in it too.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models import atomic, writes

WORKER_LOG = "worker.log"
MOST_BYTES = 1_000_000
"""Above it only the end is kept."""
KEPT_BYTES = 200_000
DYING = "Fatal Python error: "
"""How the interpreter begins its last words."""


@contextmanager
def into_worker_log(folder: Path) -> Iterator[None]:
    """Within the block, what this process and its children write to their standard output and error is added to the file."""
    path = folder / WORKER_LOG
    _shorten(path)
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    before = [(descriptor, os.dup(descriptor)) for descriptor in (1, 2)]
    _flush()
    try:
        for descriptor, _ in before:
            os.dup2(log, descriptor)
        yield
    finally:
        _flush()
        for descriptor, saved in before:
            os.dup2(saved, descriptor)
            os.close(saved)
        os.close(log)


def remove_if_empty(folder: Path) -> None:
    """Nothing was said, which is how it should be."""
    path = folder / WORKER_LOG
    if path.exists() and path.stat().st_size == 0:
        writes.unlink(path)


def last_lines(folder: Path, count: int) -> list[str]:
    """The last lines that trials' processes wrote there; none where they said nothing."""
    path = folder / WORKER_LOG
    if not path.exists():
        return []
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - KEPT_BYTES))
        return file.read().decode("utf-8", errors="replace").splitlines()[-count:]


def last_words(lines: list[str]) -> str | None:
    """What the interpreter named as it died, such as `Segmentation fault`; None where it was killed, and so said nothing."""
    said = [line.removeprefix(DYING) for line in lines if line.startswith(DYING)]
    return said[-1] if said else None


def _shorten(path: Path) -> None:
    if path.exists() and path.stat().st_size > MOST_BYTES:
        atomic.write_bytes(path, path.read_bytes()[-KEPT_BYTES:])


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
