"""A run's generation number: each launch takes a new one, and a trial of an older launch may not write any more."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

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


def next_generation(run: Path, after: int = 0) -> int:
    """Begin a launch: from here on every trial of an earlier one is fenced. The caller holds the run.

    `after` is the newest of which anything else knows: where the file is gone, what a launch with an old number writes would
    not count.
    """
    number = max(read_generation(run), after) + 1
    atomic.write_text(run / GENERATION_FILE, f"{number}\n")
    return number


class Guard(Protocol):
    """What a writer asks before each write: raises Fenced where it may not write any more."""

    @property
    def generation(self) -> int:
        """Which launch's it is; 0 outside of any."""

    def __call__(self) -> None: ...


@dataclass(frozen=True)
class Fence:
    """Lets a launch write until its run has a newer generation."""

    run: Path
    generation: int

    def __call__(self) -> None:
        current = read_generation(self.run)
        if current > self.generation:  # a smaller one is no launch's: somebody has removed the file
            raise Fenced(f"{self.run}: launch {self.generation} is over, launch {current} drives the run now")


@dataclass(frozen=True)
class Unfenced:
    """For what no other launch can take over."""

    generation: int = 0

    def __call__(self) -> None:
        """Nothing to check."""


UNFENCED = Unfenced()
