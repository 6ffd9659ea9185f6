"""Drivers of a run as another process or another machine: a real process that holds it, and leases of machines that are not."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from search.run.folder import RunFolder

ROOT = Path(__file__).resolve().parents[4]
HOST = "node2"


def lease_of_another_machine(folder: Path, age: float = 0.0, process: int = 77) -> Path:
    """As a driver there would have written it so many seconds ago, without a sign of life since."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / ".driver"
    lease = {"process": process, "host": HOST, "since": "", "started": 5, "token": "its"}
    file.write_text(json.dumps(lease) + "\n")
    touched = time.time() - age
    os.utime(file, (touched, touched))
    return file


def hold_lock(folder: Path) -> int:
    """The lock of a run, held as by another process, until the descriptor is closed."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return descriptor


def no_locks(*_: Any) -> None:
    """`fcntl.flock` on a file system that has none."""
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))


class OtherDriver:
    """A process that drives a run, and does nothing else, until it is left or killed."""

    def __init__(self, folder: Path, *, locks: bool = True) -> None:
        asked = [str(folder), "with" if locks else "without"]
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from tests.search.run.driving.others import main; main()", *asked],
            env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=ROOT,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout
        assert self.process.stdout.readline() == "drives\n"

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def leave(self) -> None:
        self.process.communicate()
        assert self.process.returncode == 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(ValueError):
            self.process.kill()
            self.process.communicate()


def main() -> None:
    if sys.argv[2] == "without":
        fcntl.flock = no_locks
    with RunFolder(Path(sys.argv[1])).driven():
        print("drives", flush=True)
        sys.stdin.read()
