"""A trial's turn: which of the processes that were given it, one after the other, may write.

A launch starts a trial again where its process was lost. That process may live on, on a machine that cannot be reached, and
write late; so each start has a number of its own, by which its lines and checkpoints are known. Whatever has a lower one
than the newest start counts for nothing (`overtaken.py`), and its process stops at the next write.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from models import atomic
from trainables.files.generation import Fenced, Guard
from trainables.files.record import read_record

TURN_FILE = "turn"
TURNS = 10_000
"""Of a launch: its turns are numbered from its own number times this one on."""


@dataclass(frozen=True)
class Turn:
    """Lets one start of a trial write, until the run has another launch, or the trial another start."""

    guard: Guard
    """The launch's."""
    folder: Path
    generation: int
    """Its number, which is in each of its lines as a launch's is in those of a run without turns."""

    def __call__(self) -> None:
        self.guard()
        if _read(self.folder) > self.generation:
            raise Fenced(f"{self.folder}: the trial was started again elsewhere")


def begin_turn(folder: Path, guard: Guard) -> Guard:
    """Start a trial for a launch: no earlier start of it writes from here on. What has no launch has no turns."""
    if guard.generation == 0:
        return guard
    guard()
    record = read_record(folder)
    number = next_turn(guard.generation, max(record.reached.generation if record else 0, _read(folder)))
    atomic.write_text(folder / TURN_FILE, f"{number}\n")
    return Turn(guard, folder, number)


def next_turn(launch: int, newest: int) -> int:
    """The number of a launch's next start, or of what its driver writes, where `newest` is the highest so far."""
    return max(launch * TURNS, newest if launch_of(newest) == launch else 0) + 1


def launch_of(number: int) -> int:
    """The launch that a number belongs to; a small one is a launch's own."""
    return number // TURNS or number


def _read(folder: Path) -> int:
    """0 before the first; a file that a crash has damaged tells nothing, and the record tells the same."""
    try:
        return int((folder / TURN_FILE).read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        return 0
