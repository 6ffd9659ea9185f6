"""A file's lock, which the system lets go when its holder dies; and what is said where a file system has none."""

from __future__ import annotations

import errno
import fcntl
import os
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from models import writes

UNSUPPORTED = frozenset({errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL})
HELD = frozenset({errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES})


class NoLocks(OSError):
    """The file system has no locks, or those of its server do not work."""


@dataclass(frozen=True)
class Flock:
    """A lock that this process holds until it is let go, or dies."""

    descriptor: int

    def release(self) -> None:
        """To be called once."""
        os.close(self.descriptor)


def take_lock(path: Path) -> Flock | None:
    """The lock of a file, which is made where it is not there; None while another holds it. NoLocks where there are none."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            if not _locked(descriptor, fcntl.LOCK_EX, path):
                os.close(descriptor)
                return None
            if _is(descriptor, path):
                return Flock(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # another file has taken its place meanwhile: whoever put it there holds that one


def take_in_place(path: Path) -> Flock:
    """The lock of a new file in this one's place, whoever holds the old one's. NoLocks where there are none."""
    new = path.with_name(f"{path.name}.{uuid.uuid4().hex[:8]}")
    lock = take_lock(new)
    assert lock is not None, "nobody else knows its name"
    try:
        writes.replace(new, path)
    except BaseException:
        lock.release()
        writes.unlink(new)
        raise
    return lock


def is_locked(path: Path) -> bool:
    """Whether a process holds the lock of a file; asked without writing. NoLocks where there are none."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        return not _locked(descriptor, fcntl.LOCK_SH, path)
    finally:
        os.close(descriptor)


def _locked(descriptor: int, how: int, path: Path) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in HELD:
            return False
        if error.errno in UNSUPPORTED:
            raise NoLocks(error.errno, error.strerror, str(path)) from error
        raise
    return True


def _is(descriptor: int, path: Path) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(descriptor), path.stat())
    return False
