"""A run's generation number: each launch takes a new one, and a trial of an older launch may not write any more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from models import atomic
from models.errors import UserError

GENERATION_FILE = "generation"


class Fenced(Exception):
    """The launch that started this trial is over and another drives the run: the trial must stop without writing."""


def read_generation(run: Path) -> int:
    """The number of the newest launch of a run; 0 before the first. UserError, in one line, for a damaged file."""
    path = run / GENERATION_FILE
    if not path.exists():
        return 0
    content = path.read_bytes()
    if not content.endswith(b"\n") or not content.strip().isdigit():
        raise UserError(
            f"{path}: damaged (a launch's number and a line's end are expected, found {repr(content[:30])[1:]}); write into "
            "it, as one line, a number no smaller than any launch's before (each `generation` in manifest.json)"
        )
    return int(content)


def next_generation(run: Path) -> int:
    """Begin a launch: from here on every trial of an earlier one is fenced. The caller holds the run's lock."""
    number = read_generation(run) + 1
    atomic.write_text(run / GENERATION_FILE, f"{number}\n")
    return number


def generation_guard(run: Path, generation: int) -> Callable[[], None]:
    """A check for a trial to make before each write: raises Fenced once the run has a newer generation."""

    def guard() -> None:
        current = read_generation(run)
        if current != generation:
            raise Fenced(f"{run}: launch {generation} is over, launch {current} drives the run now")

    return guard
