"""What a working copy knows of its objects: of which version each is, and how its file looked when it was the same.

A file that looks otherwise since has been written here. Several processes share a copy, so the table is changed under a lock.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from models import atomic

TABLE_FILE = ".mirror.json"
LOCK_FILE = ".mirror.lock"
Stamp = tuple[int, int]
"""A file's size and the time of its last change."""


@dataclass(frozen=True)
class Known:
    """`stamp` is None where the object is not on this machine, or not as the bucket has it."""

    version: str
    stamp: Stamp | None


Table = dict[str, Known]


def stamp_of(path: Path) -> Stamp | None:
    """None where there is no such file."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_size, found.st_mtime_ns


def read_table(folder: Path) -> Table:
    """What is known of a folder's objects, by their names; a damaged table knows nothing, and all is asked for again."""
    try:
        content = json.loads((folder / TABLE_FILE).read_bytes())
        return {
            name: Known(version, None if stamp is None else (stamp[0], stamp[1]))
            for name, (version, stamp) in content.items()
        }
    except (FileNotFoundError, ValueError, TypeError, AttributeError, IndexError):
        return {}


@contextmanager
def changed_table(folder: Path) -> Iterator[Table]:
    """The table, to be changed within the block; then it is written."""
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / LOCK_FILE):
        table = read_table(folder)
        before = dict(table)
        yield table
        if table != before:
            atomic.write_bytes(
                folder / TABLE_FILE,
                json.dumps({name: [one.version, one.stamp] for name, one in table.items()}).encode(),
            )
