"""The driver's side of trackers: for each a process of its own, so that none that is slow or lost costs a trial anything."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from models.versions import ROOT
from search.run.folder import RunFolder
from search.study.beside.logging_section import LoggingConfig
from search.trackers.ledger import LOGGING_FOLDER

LAST_SECONDS = 30.0
"""What a launch waits at its end, at most, until its trackers have what is left."""
PROGRESS_SECONDS = 5.0
TO_THE_END = "to the end"
Say = Callable[[str], None]


@dataclass
class Telling:
    """One tracker's process, and the thread that passes on what it says. `complete`: after its end, whether the tracker has
    all there was."""

    name: str
    process: subprocess.Popen[str]
    relay: threading.Thread
    complete: bool = False


@contextmanager
def told_to_trackers(
    logging: LoggingConfig, run: RunFolder, say: Say, waiting: Callable[[str], None] | None = None
) -> Iterator[tuple[Telling, ...]]:
    """While the block drives trials of the run, tell the trackers; `say` is given lines for people.

    With `waiting` what is left is sent to the end, however long it takes, and that is called with the name of the tracker
    every few seconds; Ctrl-C ends it.
    """
    patience = [] if waiting is None else [TO_THE_END]
    found = tuple(
        _begun(run.path, [name, getattr(logging, name).model_dump_json(), *patience], say) for name in logging.trackers
    )
    try:
        yield found
    finally:
        for one in found:
            assert one.process.stdin is not None, "it was opened with one"
            with suppress(OSError):
                one.process.stdin.close()
        deadline = time.monotonic() + LAST_SECONDS
        try:
            for one in found:
                _wait(one, waiting) if waiting is not None else _end(one, run, deadline, say)
        except BaseException:
            for one in found:
                one.process.kill()
                one.process.wait()
            raise


def lock_path(run: Path, name: str) -> Path:
    """Whoever holds it is the one process that tells this tracker of the run."""
    return run / LOGGING_FOLDER / f"{name}.lock"


def _begun(run: Path, arguments: list[str], say: Say) -> Telling:
    name = arguments[0]
    (run / LOGGING_FOLDER).mkdir(parents=True, exist_ok=True)
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    with (run / LOGGING_FOLDER / f"{name}.log").open("a", encoding="utf-8") as log:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "search.trackers", str(run), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**os.environ, "PYTHONPATH": path, "CUDA_VISIBLE_DEVICES": ""},
            start_new_session=True,  # Ctrl-C is the driver's to hear
        )
    relay = threading.Thread(target=_relay, args=(process, say), daemon=True)
    relay.start()
    return Telling(name, process, relay)


def _relay(process: subprocess.Popen[str], say: Say) -> None:
    assert process.stdout is not None, "it was opened with one"
    for line in process.stdout:
        say(line.rstrip("\n"))


def _wait(one: Telling, waiting: Callable[[str], None]) -> None:
    while True:
        with suppress(subprocess.TimeoutExpired):
            one.complete = one.process.wait(PROGRESS_SECONDS) == 0
            break
        waiting(one.name)
    one.relay.join(timeout=1.0)


def _end(one: Telling, run: RunFolder, deadline: float, say: Say) -> None:
    try:
        one.complete = one.process.wait(max(0.0, deadline - time.monotonic())) == 0
    except subprocess.TimeoutExpired:
        one.process.kill()
        one.process.wait()
        say(f"{one.name} has not taken all within {LAST_SECONDS:.0f} seconds; later: prunetune log {run.address}")
    one.relay.join(timeout=1.0)
