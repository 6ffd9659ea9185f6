"""Who trains a stage: one process at a time, for as long as it shows that it lives.

A claim is a lock that the system lets go when the process that holds it dies. One that was stopped (Ctrl-Z), or whose study
was, keeps its lock; so while the holder trains it gives a sign of life every few seconds, however long an epoch takes.
"""

from __future__ import annotations

import json
import os
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from models import atomic
from trainables.files.flock import Flock, take_lock

BEAT = 2.0
"""Seconds between two signs of life."""
SILENT = 15 * BEAT
"""Seconds without one after which nobody waits for a holder any more."""
LONG = 10.0
"""Seconds of waiting after which it is told for whom."""


class Claim:
    """The right to train a stage, held by this process. `trial` is `RUN/TRIAL`; `name` a file without its suffix."""

    def __init__(self, name: Path, lock: Flock, trial: str) -> None:
        self._sign, self._lock = sign_of(name), lock
        atomic.write_json(self._sign, {"trial": trial, "process": os.getpid(), "host": socket.gethostname()})
        self._released, self._at_work = threading.Event(), True
        threading.Thread(target=self._beat, name="claim", daemon=True).start()

    @classmethod
    def take(cls, name: Path, trial: str) -> Claim | None:
        """None while another has it. OSError where it cannot be written, or the file system has no locks."""
        name.parent.mkdir(parents=True, exist_ok=True)
        lock = take_lock(name.with_suffix(".lock"))
        if lock is None:
            return None
        try:
            return cls(name, lock, trial)
        except BaseException:
            lock.release()
            raise

    def release(self) -> None:
        """Whoever waits for the stage may train it."""
        self._released.set()
        self._lock.release()

    def at_work(self, whether: bool) -> None:
        """Between two epochs a trial waits for its study, which may have been stopped: then no sign of life is given."""
        self._at_work = whether
        self._show()

    def _beat(self) -> None:
        while not self._released.wait(BEAT):
            if self._at_work:
                self._show()

    def _show(self) -> None:
        with suppress(OSError):  # whoever waits takes this for silence, and trains the same
            os.utime(self._sign)


@dataclass
class Waiting:
    """What is seen of a claim's holder from outside. The clocks of two machines are never compared."""

    name: Path
    _seen: int | None = field(default=None, init=False)
    _told: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._began = self._alive = monotonic()
        """`_alive` is when the sign of life was last seen to be a new one."""

    def silent(self) -> bool:
        """Whether the holder has given no sign of life for too long. To be asked every few seconds at least."""
        try:
            sign: int | None = sign_of(self.name).stat().st_mtime_ns
        except OSError:
            sign = None
        if sign != self._seen:
            self._seen, self._alive = sign, monotonic()
        return monotonic() - self._alive > SILENT

    def told(self) -> list[str]:
        """For whom, once, after a while."""
        waited = monotonic() - self._began
        if self._told or waited < LONG:
            return []
        self._told = True
        return [f"waits for {self.holder()}, which trains it; {waited:.0f} s so far"]

    def holder(self) -> str:
        """`RUN/TRIAL (process PID on HOST)`."""
        try:
            value = json.loads(sign_of(self.name).read_text(encoding="utf-8"))
            return f"{value['trial']} (process {value['process']} on {value['host']})"
        except (OSError, ValueError, KeyError, TypeError):
            return "another process"


def sign_of(name: Path) -> Path:
    """The file that a holder writes and touches."""
    return name.with_suffix(".holder")
