"""The right to drive a run, held by this process for as long as it gives signs of life and nobody takes it over."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from models import atomic, writes
from models.errors import UserError, WorkFailed
from search.console import announce
from search.run.driving.lease import LEASE_FILE, Lease, put_lease, read_sign
from search.run.driving.rules import BEAT, LOCK_FILE, LockState, Seen
from trainables.files.flock import Flock, NoLocks, take_in_place, take_lock
from trainables.files.generation import Fenced, read_generation

PATIENCE = 1.0
"""Seconds for which a held lock is tried: `status` takes it for an instant to see whether it is free."""
FREE_AND_SILENT = 3 * BEAT
"""Seconds without a sign of life after which another machine's driver, whose lock is free, is dead."""
PAUSE = 0.05


class TakenOver(WorkFailed):
    """Another process drives the run now, or has driven it since; this one must not write into it any more."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}; this one has left it, and writes nothing more to it")


class Hold:
    """Use `Hold.take`. Its lease is written again if it disappears, unless another launch has begun since."""

    def __init__(self, folder: Path, content: bytes, lock: Flock | None) -> None:
        self._folder, self._content, self._lock = folder, content, lock
        self._lost: str | None = None
        self._newest: int | None = None
        self._tell: list[Callable[[str], None]] = []
        self._released, self._at_it = threading.Event(), threading.Lock()
        threading.Thread(target=self._beat, name="driver", daemon=True).start()

    @classmethod
    def take(cls, folder: Path, *, take_over: bool = False) -> Hold:
        """The right to drive the run in a folder.

        UserError, in one line, where another process has it, or may have it and `take_over` does not say that it is gone.
        A free lock beside the lease of another machine is waited for: that process has died, unless it gives a sign of life.
        """
        patient, content = time.monotonic() + PATIENCE, Lease.of_this_process().to_bytes()
        while True:
            state, lock = _try(folder / LOCK_FILE)
            try:
                seen = Seen(folder, state, read_sign(folder))
                refusal = seen.refusal(take_over)
                if refusal is None:
                    _wait_for_a_sign(seen)
                    if put_lease(folder, content, seen.sign):
                        mine, lock = (take_in_place(folder / LOCK_FILE) if state == "held" else lock), None
                        return cls(folder, content, mine)
                elif state != "held" or seen.lives_here or time.monotonic() > patient:
                    raise UserError(refusal)
            finally:
                if lock is not None:
                    lock.release()
            time.sleep(PAUSE)

    def knows(self, generation: int) -> None:
        """What is read of the run from now on is as this launch left it: a newer one is another process's."""
        self._newest = generation

    def launch(self, begin: Callable[[], int]) -> int:
        """Begin a launch, and give its generation: from here on a newer one is another process's.

        TakenOver where there has been one already.
        """
        self.check()
        with self._at_it:  # a sign of life that is given in between would take the new launch for another's
            try:
                self._newest = begin()
            except Fenced as error:
                raise TakenOver(str(error)) from None
            return self._newest

    def when_lost(self, tell: Callable[[str], None]) -> None:
        """Have it told, once, that another process drives the run; by whichever thread notices."""
        with self._at_it:
            self._tell.append(tell)
            if self._lost is not None:
                tell(self._lost)

    def lost(self) -> bool:
        """Whether another process drives the run, looked up now."""
        with self._at_it:
            if self._lost is None and not self._released.is_set():
                self._lost = self._looked()
                for tell in self._tell if self._lost else ():
                    tell(self._lost or "")
            return self._lost is not None

    def check(self) -> None:
        """Raises TakenOver where another process drives the run."""
        if self.lost():
            raise TakenOver(f"{self._folder}: {self._lost}")

    def release(self) -> None:
        """Let the run go; it is another's already, nothing of that one's is touched."""
        if not self.lost():
            self._released.set()
            with self._at_it:
                self._let_go()
        self._released.set()
        if self._lock is not None:
            self._lock.release()

    def _beat(self) -> None:
        while not self._released.wait(BEAT):
            self.lost()

    def _let_go(self) -> None:
        writes.unlink(self._folder / LEASE_FILE)

    def _looked(self) -> str | None:
        """A sign of life, unless the lease or a newer launch is another's: then whose."""
        try:
            sign = read_sign(self._folder)
            if sign is not None and sign.content != self._content:
                return f"process {sign} has taken this run over"
            if (newer := self._newer_launch()) is not None:
                return newer
            if sign is None:
                atomic.create_bytes(self._folder / LEASE_FILE, self._content)
            else:
                os.utime(sign.file)
        except (OSError, UserError):
            pass  # a file system that is away for a moment, or a damaged count of launches: the next beat comes
        return None

    def _newer_launch(self) -> str | None:
        """Of another process, which has let the run go again if its lease is not there."""
        if self._newest is None or (newest := self._read_generation()) <= self._newest:
            return None
        return f"launch {newest} has taken this run over"

    def _read_generation(self) -> int:
        return read_generation(self._folder)


def _try(path: Path) -> tuple[LockState, Flock | None]:
    try:
        lock = take_lock(path)
    except NoLocks:
        return "none", None
    return ("held", None) if lock is None else ("free", lock)


def _wait_for_a_sign(seen: Seen) -> None:
    """Of another machine's process whose lock is free. UserError once it gives one."""
    sign = seen.sign
    if sign is None or not seen.is_elsewhere or seen.lock != "free" or sign.age >= FREE_AND_SILENT:
        return
    left = FREE_AND_SILENT - sign.age
    announce(
        f"{seen.folder}: process {sign} drove this run {sign.age:.0f} s ago; waiting {left:.0f} s for a sign of life"
    )
    end = time.monotonic() + left
    while time.monotonic() < end:
        time.sleep(PAUSE)
        now = read_sign(seen.folder)
        if now is not None and (now.content, now.touched) != (sign.content, sign.touched):
            raise UserError(
                f"{seen.folder}: this run is being driven by process {now}, which has just given a sign of life, though its "
                "lock is not seen on this machine; wait for it or stop it first"
            )
