"""A simulated study driven by another process, as a test watches it: what is in its records and what it says."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from search.run.folder import RunFolder
from tests.search.tuning.gate import Gate

ROOT = Path(__file__).resolve().parents[3]
AT_MOST = 1500.0
"""Seconds after which a test gives up on what it waits for; nothing is judged by how long it took."""


class Driver:
    """The process is in a group of its own, so that signals meet only it. `home` is its home, and holds what it says."""

    def __init__(self, run: RunFolder, home: Path, *arguments: str, **environment: str) -> None:
        home.mkdir(exist_ok=True)
        variables = {**os.environ, "HOME": str(home), "PYTHONPATH": str(ROOT), **environment}
        self.run = run
        self.errors = (home / "stderr").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.search.tuning.gated_trainable", str(run.path), *arguments],
            cwd=ROOT, env=variables, stderr=self.errors, start_new_session=True,
        )  # fmt: skip

    def wait(self) -> int:
        return self.process.wait(AT_MOST)

    def until(self, condition: Callable[[], object]) -> None:
        """Wait for something that the driver or its trials do."""
        end = time.monotonic() + AT_MOST
        while not condition():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < end, self.said()
            time.sleep(0.1)

    def until_epochs(self, count: int) -> None:
        """Wait until the run's records hold so many epochs."""
        self.until(lambda: epochs_of(self.run) >= count)

    def until_said(self, text: str) -> None:
        self.until(lambda: text in self.said())

    def said(self) -> str:
        return Path(self.errors.name).read_text()

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.errors.close()


def in_its_fourth_epoch(run: RunFolder, folder: Path, drivers: list[Driver]) -> tuple[Gate, Driver]:
    """A new driver of a run that has three epochs behind it and waits at the gate in the next."""
    gate = Gate(folder / "first")
    drivers.append(Driver(run, folder / "home", GATE=str(gate.folder)))
    gate.admit(3)
    drivers[-1].until(lambda: epochs_of(run) == 3 and gate.waiting())
    return gate, drivers[-1]


def two_epochs_on(run: RunFolder, folder: Path, drivers: list[Driver], before: int) -> tuple[Gate, Driver]:
    """A second driver, which has gone on from so many epochs with two more, and waits at a gate of its own."""
    gate = Gate(folder / "second")
    drivers.append(Driver(run, folder / "home", GATE=str(gate.folder)))
    gate.admit(2)
    drivers[-1].until(lambda: epochs_of(run) == before + 2 and gate.waiting())
    return gate, drivers[-1]


def epochs_of(run: RunFolder) -> int:
    records = run.trials_folder.glob("*/record.jsonl") if run.trials_folder.is_dir() else ()
    return sum(file.read_bytes().count(b'"kind":"epoch"') for file in records)
