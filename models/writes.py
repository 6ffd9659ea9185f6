"""Every change of a run's files goes through one of these functions, so that tests can stop a process at each of them.

Whole files are written beside their name and get it by `replace` or `link`; what grows, by `append`. What is not among these
is listed, with its reason, in tests/faults/test_one_place.py.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import BinaryIO


def replace(source: Path, target: Path) -> None:
    """Give a file another name, which another file may have had until now."""
    os.replace(source, target)


def link(source: Path, target: Path) -> None:
    """Give a file a second name. FileExistsError where that is taken."""
    os.link(source, target)


def copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)


def append(handle: BinaryIO, data: bytes) -> None:
    """Add to the end of a file, durably."""
    handle.write(data)
    handle.flush()
    os.fsync(handle.fileno())


def cut(handle: BinaryIO, size: int) -> None:
    """Take away what a file has beyond so many bytes."""
    handle.truncate(size)


def unlink(path: Path) -> None:
    """Remove a file, if it is there."""
    path.unlink(missing_ok=True)


def move_folder(source: Path, target: Path) -> None:
    """Give a folder another name. OSError where that is a folder with something in it."""
    os.rename(source, target)


def remove_folder(folder: Path) -> None:
    """Remove a folder and what is in it, as far as that can be done."""
    shutil.rmtree(folder, ignore_errors=True)
