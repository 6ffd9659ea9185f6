"""The process beside a launch that tells one tracker of it: `python -m search.trackers RUN NAME SETTINGS [to the end]`.

It reads records and writes no trial's file. When its standard input ends, as it does where its driver is killed, it sends
what is left and ends. Lines for people go to its standard output; whatever else is said in it, to its standard error.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from functools import partial
from pathlib import Path

from models.errors import UserError
from search.run.folder import RunFolder
from search.study.load import load_study
from search.trackers.catalogue import SETTINGS, tracker_of, whole_run
from search.trackers.ledger import LOGGING_FOLDER, Ledger, destination
from search.trackers.process import LAST_SECONDS, TO_THE_END, lock_path
from search.trackers.sender import Sender
from trainables.files.flock import NoLocks, take_lock

LOOK_EVERY = 2.0
NICENESS = 5


def main(run: Path, name: str, settings: str, patience: str = "") -> int:
    messages = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)  # what a tracker's own code prints is no line for people
    os.nice(NICENESS)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    folder = RunFolder(run)
    try:
        whole = whole_run(folder)
        study = load_study(whole.study_file, recorded=True).name
        (run / LOGGING_FOLDER).mkdir(exist_ok=True)
        if (turn := _has_turn(lock_path(run, name))) is None:
            raise UserError("another process tells it of this run, and sends all there is")
        closing, say = not turn, partial(print, file=messages)
        given = SETTINGS[name].model_validate_json(settings)
        ledger = Ledger(folder, name, destination(name, given))
        sender = Sender(folder, ledger, study, partial(tracker_of, name, given, whole, study), say)
        while not closing:
            sender.look()
            closing = _driver_ended(LOOK_EVERY)
        if patience != TO_THE_END:
            signal.alarm(2 * int(LAST_SECONDS))  # nobody waits for longer
        return 0 if sender.look(last=True) else 1
    except UserError as error:
        print(f"{name}: {error}", file=messages)
        return 1


def _has_turn(path: Path) -> bool | None:
    """Wait until no other process tells this tracker of this run; False where the driver ended first, None where the other one
    goes on."""
    deadline = None
    while True:
        try:
            if take_lock(path) is not None:  # held until this process ends
                return deadline is None
        except NoLocks:
            return True
        if deadline is None and _driver_ended(LOOK_EVERY):
            deadline = time.monotonic() + LAST_SECONDS / 2
        if deadline is not None and time.monotonic() > deadline:
            return None
        time.sleep(0.1)


def _driver_ended(within: float) -> bool:
    """Whether standard input has ended; waits for it for so many seconds."""
    ready, _, _ = select.select([sys.stdin], [], [], within)
    return bool(ready) and not os.read(sys.stdin.fileno(), 1)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
