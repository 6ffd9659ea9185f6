"""Whether a run is free to be driven, from its lock and its lease.

A lock that is free says that nobody drives the run, unless its driver is on a machine whose locks are not seen here. One that
is held says that somebody does, unless that machine has died and the file server does not know. What decides then are the
signs of life: a machine that gives none may be gone or cut off, which only a person can tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from search.run.driving.lease import Sign, read_sign
from trainables.files.flock import NoLocks, is_locked
from trainables.files.remote.address import url_of

LOCK_FILE = ".lock"
BEAT = 10.0
"""Seconds between two signs of life."""
SILENT = 6 * BEAT
"""Seconds without one after which a driver may be taken for dead."""

LockState = Literal["free", "held", "none"]
"""`none`: the file system has no locks."""


@dataclass(frozen=True)
class Seen:
    """What another process sees of whoever drives a run."""

    folder: Path
    lock: LockState
    sign: Sign | None

    @property
    def lives_here(self) -> bool:
        return self.sign is not None and self.sign.lives_here

    @property
    def is_elsewhere(self) -> bool:
        """The lease is another machine's, or does not say whose it is."""
        return self.sign is not None and (self.sign.lease is None or not self.sign.lease.is_here)

    @property
    def is_silent(self) -> bool:
        """There is a lease, and no sign of life of its holder."""
        return self.sign is not None and not self.lives_here and self.sign.age >= SILENT

    @property
    def may_be_taken_over(self) -> bool:
        """Nobody but a person can tell that the holder is gone."""
        if self.lock == "none":
            return self.is_elsewhere and self.is_silent
        return self.lock == "held" and self.is_silent

    @property
    def is_driven(self) -> bool:
        if self.lock == "held":
            return not self.may_be_taken_over
        return self.lives_here or (self.is_elsewhere and not self.is_silent)

    @property
    def holder(self) -> str:
        """`PID`, or `PID on HOST` with its last sign of life."""
        if self.sign is None or not self.is_elsewhere:
            return "unknown" if self.sign is None else str(self.sign)
        return f"{self.sign} (last sign of life {self.sign.age:.0f} s ago)"

    def refusal(self, take_over: bool) -> str | None:
        """Why this process may not drive the run, in one line; None where it may.

        A free lock beside another machine's fresh lease is no refusal yet: see `Hold.take`.
        """
        if self.may_be_taken_over:
            return None if take_over else self._only_by_taking_over()
        if self.lives_here or self.lock == "held" or (self.lock == "none" and self.is_elsewhere):
            asked = "--take-over: " if take_over else ""
            return (
                f"{asked}{self._named}: this run is being driven by process {self.holder}; wait for it or stop it first"
            )
        return None

    @property
    def _named(self) -> str:
        return url_of(self.folder) or str(self.folder)

    def _only_by_taking_over(self) -> str:
        assert self.sign is not None, "there is a lease"
        gone = "that machine" if self.is_elsewhere else "that process"
        return (
            f"{self._named}: process {self.sign} drives this run, and has given no sign of life for {self.sign.age:.0f} s; "
            f"if {gone} is really gone, --take-over takes the run over"
        )


def look(folder: Path) -> Seen:
    """At a run's folder, without writing, as it may be read-only."""
    try:
        lock: LockState = "held" if is_locked(folder / LOCK_FILE) else "free"
    except (NoLocks, PermissionError):
        lock = "none"
    return Seen(folder, lock, read_sign(folder))
