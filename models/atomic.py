"""Files that matter are written to a temporary name beside the target, flushed to the disk, and renamed."""

from __future__ import annotations

import errno
import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from models import writes

UNFINISHED = ".tmp"
NO_LINK = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP)
"""A file gets no second name here: on another file system, or where that has none."""


@contextmanager
def replace_via(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; on leaving without an error it takes the name `path`, durably.

    The temporary file is removed if the block raises, so a reader sees the old content or the new, never a part.
    """
    temporary = _beside(path)
    try:
        yield temporary
        with temporary.open("rb") as handle:
            os.fsync(handle.fileno())
        writes.replace(temporary, path)
        sync_folder(path.parent)
    finally:
        writes.unlink(temporary)


def create_bytes(path: Path, data: bytes) -> bool:
    """Write a file, whole or not at all, unless there is one: then nothing changes, and False says so.

    Of several who do this at one moment one succeeds, or all where the file system gives no file a second name.
    """
    temporary = _beside(path)
    try:
        with temporary.open("xb") as handle:
            handle.write(data)
            handle.flush()
            os.fsync(handle.fileno())
        try:
            writes.link(temporary, path)
        except FileExistsError:
            # A server's answer may have been lost, and the system asked it again.
            return temporary.stat().st_nlink > 1
        except OSError as error:
            if error.errno not in NO_LINK:
                raise
            if path.exists():
                return False
            writes.replace(temporary, path)
        sync_folder(path.parent)
        return True
    finally:
        writes.unlink(temporary)


def is_unfinished(path: Path) -> bool:
    """Whether a file was being written when its process was killed, and never got its name."""
    return path.name.startswith(".") and path.name.endswith(UNFINISHED)


def _beside(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_name(f".{path.name}.{os.getpid()}.{uuid.uuid4().hex[:8]}{UNFINISHED}")


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries, so that a rename in it outlives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_bytes(path: Path, data: bytes) -> None:
    with replace_via(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Pretty JSON with a final newline; what is not finite must have been turned into None before."""
    write_text(path, json.dumps(value, indent=2, sort_keys=False, allow_nan=False) + "\n")
