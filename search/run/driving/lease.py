"""`.driver` in a run's folder: who drives it, touched every few seconds while that process lives.

Its age is told by the clock that dates the folder's files, so the clocks of two machines are never compared.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
import uuid
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from models import atomic, writes

LEASE_FILE = ".driver"
TURN_FILE = ".driver.next"
"""There while a process puts its lease into another's place: one at a time."""
ABANDONED = 60.0
"""Seconds."""


@dataclass(frozen=True)
class Lease:
    """`started` tells the process from a later one of the same number; None where the system does not say.

    `boot` and `processes` tell the machine from others of its name: which start of the system it is, and which of its
    namespaces the process's number is of. Empty where the system does not say, and in leases of before.
    """

    process: int
    host: str
    since: str = ""
    started: int | None = None
    token: str = ""
    boot: str = ""
    processes: str = ""

    @classmethod
    def of_this_process(cls) -> Lease:
        since = datetime.now(UTC).isoformat(timespec="seconds")
        here = _boot(), _processes()
        return cls(os.getpid(), os.uname().nodename, since, _started(os.getpid()), uuid.uuid4().hex, *here)

    def to_bytes(self) -> bytes:
        return json.dumps(asdict(self)).encode() + b"\n"

    @property
    def is_here(self) -> bool:
        """Whether its process's number means something on this machine: cloned machines often share a name."""
        said = self.host, self.boot or _boot(), self.processes or _processes()
        return said == (os.uname().nodename, _boot(), _processes())

    @property
    def lives_here(self) -> bool:
        """Whether it is a living process of this machine."""
        if not self.is_here:
            return False
        try:
            os.kill(self.process, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass  # another user's
        return self.started is None or self.started == _started(self.process)

    def __str__(self) -> str:
        return str(self.process) if self.is_here else f"{self.process} on {self.host}"


@dataclass(frozen=True)
class Sign:
    """The lease of a run as it lies there; `lease` is None where it cannot be read."""

    file: Path
    content: bytes
    touched: float

    @cached_property
    def lease(self) -> Lease | None:
        return _parsed(self.content)

    @cached_property
    def age(self) -> float:
        """Seconds since it was touched."""
        return max(0.0, _now(self.file.parent) - self.touched)

    @property
    def lives_here(self) -> bool:
        return self.lease is not None and self.lease.lives_here

    def __str__(self) -> str:
        return "unknown" if self.lease is None else str(self.lease)


def read_sign(folder: Path) -> Sign | None:
    """The lease in a run's folder, or None. It is opened, since a network's file system would show an old date otherwise."""
    file = folder / LEASE_FILE
    try:
        with file.open("rb") as handle:
            return Sign(file, handle.read(), os.fstat(handle.fileno()).st_mtime)
    except FileNotFoundError:
        return None


def put_lease(folder: Path, content: bytes, instead_of: Sign | None) -> bool:
    """Write a lease where there is none, or only the one that was seen. False where another process was faster."""
    file = folder / LEASE_FILE
    if instead_of is None:
        return atomic.create_bytes(file, content)
    turn = folder / TURN_FILE
    if not atomic.create_bytes(turn, content):
        _end_if_abandoned(turn)
        return False
    try:
        now = read_sign(folder)
        if now is None or now.content != instead_of.content:
            return False
        atomic.write_bytes(file, content)  # never missing for a moment, in which a third might write its own
        return True
    finally:
        writes.unlink(turn)


def _end_if_abandoned(turn: Path) -> None:
    """Of a process that died while it put its lease into another's place, which takes an instant."""
    with suppress(FileNotFoundError):
        if _now(turn.parent) - turn.stat().st_mtime > ABANDONED:
            writes.unlink(turn)


def _parsed(content: bytes) -> Lease | None:
    try:
        lease = Lease(**json.loads(content))
        return lease if isinstance(lease.process, int) and isinstance(lease.host, str) else None
    except (ValueError, TypeError):
        pass
    try:
        process, host = content.decode().split()  # of version 0.1.0
        return Lease(int(process), host)
    except ValueError:
        return None


def _now(folder: Path) -> float:
    """By the clock of the folder's file system, or this machine's where nothing can be written there."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            os.utime(file.fileno())
            return os.fstat(file.fileno()).st_mtime
    except OSError:
        return time.time()


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


def _processes() -> str:
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


def _started(process: int) -> int | None:
    """When a process began, in ticks since the system did."""
    try:
        said = Path(f"/proc/{process}/stat").read_bytes()
        return int(said.rpartition(b")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return None
