"""The points at which a run is written, and what befalls a process at one of them.

The functions of `models/writes.py` are replaced in the process that is to be hit, so nothing in the program knows of this.
"""

from __future__ import annotations

import errno
import functools
import json
import mmap
import os
import re
import signal
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from models import writes

By = Literal["driver", "trial"]
Moment = Literal["before", "within", "after"]
Victim = Literal["worker", "driver", "machine"]

REMOVES = ("unlink", "remove_folder")
"""Operations that need no room, so that a full disk does not refuse them."""
UNNAMED = re.compile(r"^\.(?P<name>.+)\.\d+\.[0-9a-f]{8}\.tmp$")
NUMBER = re.compile(r"(?<![0-9a-z])\d+")
PLOT = re.compile(r"^report/[a-z-]+\.(svg|png)$")
STAGE = re.compile(r"^stages/[0-9a-f]{2}/(\.passing-)?[0-9a-f]{8,}(-[0-9a-f]{8})?")


@dataclass(frozen=True)
class Point:
    """One change of a file, the `number`th of a command; `file` is its path in the run without what names one of many."""

    number: int
    operation: str
    file: str
    by: By
    has_middle: bool
    """Whether a kill can leave half of it."""


@dataclass(frozen=True)
class Fault:
    """At the point `at`: a kill of somebody at some moment of it, or an error of the system with this number.

    From there on every write is refused for `ENOSPC`, as on a full disk; other errors come once.
    """

    at: int
    kill: Victim | None = None
    moment: Moment = "before"
    error: int = 0


class Watcher:
    """Counts the points of a command over all its processes, writes them to `log`, and lets the fault happen.

    To be made before any of them is forked; only one process may write at a time.
    """

    def __init__(self, run: Path, log: Path, fault: Fault | None) -> None:
        self._run, self._log, self._fault = run, log, fault
        self._count = mmap.mmap(-1, 4)
        self.by: By = "driver"
        self.driver = os.getpid()
        self.worker: int | None = None
        """The process of trials, while there is one."""

    def install(self) -> None:
        for name in ("replace", "link", "copy", "append", "cut", "unlink", "move_folder", "remove_folder"):
            setattr(writes, name, functools.partial(self._watched, name, getattr(writes, name)))

    def _watched(self, operation: str, original: Callable[..., None], *arguments: Any) -> None:
        path = Path(arguments[0].name if operation in ("append", "cut") else arguments[-1])
        if self._run not in path.parents or (operation in REMOVES and not path.exists()):
            return original(*arguments)
        half = _half_of(operation, arguments)
        point = self._next(operation, path, half is not None)
        fault = self._fault
        if fault is None or point.number < fault.at:
            return original(*arguments)
        if fault.error and operation not in REMOVES and (point.number == fault.at or fault.error == errno.ENOSPC):
            if operation == "append" and half is not None:
                half()
            raise OSError(fault.error, os.strerror(fault.error), str(path))
        if fault.kill is None or point.number > fault.at:
            return original(*arguments)
        if fault.moment == "within" and half is not None:
            half()
        if fault.moment == "after":
            original(*arguments)
        self._kill(fault.kill)
        if fault.moment != "after":  # who was not hit goes on
            original(*arguments)
        return None

    def _kill(self, victim: Victim) -> None:
        if victim in ("driver", "machine"):
            if self.by == "driver" and victim == "machine" and self.worker is not None:
                os.kill(self.worker, signal.SIGKILL)  # which waits for what it is asked next
            os.kill(self.driver, signal.SIGKILL)
        if victim in ("worker", "machine"):
            os.kill(os.getpid(), signal.SIGKILL)

    def _next(self, operation: str, path: Path, has_middle: bool) -> Point:
        number = int.from_bytes(self._count[:4], "little")
        self._count[:4] = (number + 1).to_bytes(4, "little")
        point = Point(number, operation, kind_of(path.relative_to(self._run)), self.by, has_middle)
        with self._log.open("a", encoding="utf-8") as log:
            log.write(json.dumps(asdict(point)) + "\n")
        return point


def kind_of(path: Path) -> str:
    """`trials/*/states/*.safetensors` for any of these; a temporary file by the name that it is to get."""
    parts = [found["name"] if (found := UNNAMED.match(part)) else part for part in path.parts]
    text = STAGE.sub("stages/*", "/".join(parts))
    if parts[0] in ("trials", "superseded") and len(parts) > 1:
        text = "/".join([parts[0], "*", *(NUMBER.sub("*", part) for part in parts[2:])])
    return PLOT.sub(r"report/*.\1", re.sub(r"locks/[0-9a-f]{8,}", "locks/*", text))


def _half_of(operation: str, arguments: tuple[Any, ...]) -> Callable[[], None] | None:
    """What leaves half of the operation behind; None where it is done or not."""
    if operation == "append":
        handle, data = arguments
        return functools.partial(_append_half, handle, data)
    if operation in ("replace", "link") and _was_filled(Path(arguments[0])):
        return functools.partial(_cut_in_half, Path(arguments[0]))
    if operation == "remove_folder":
        return functools.partial(_remove_first, Path(arguments[0]))
    return None


def _was_filled(source: Path) -> bool:
    """Whether it is a temporary file of its own, and not another one's second name."""
    return source.name.endswith(".tmp") and source.stat().st_nlink == 1


def _append_half(handle: Any, data: bytes) -> None:
    handle.write(data[: len(data) // 2])
    handle.flush()


def _cut_in_half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _remove_first(folder: Path) -> None:
    next(path for path in sorted(folder.rglob("*"), reverse=True) if path.is_file()).unlink()
