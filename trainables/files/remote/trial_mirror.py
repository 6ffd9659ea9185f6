"""A trial that runs on this machine while its run is in a bucket: brought here as it begins, sent after each of its steps.

What cannot be sent stays here and is sent after a later step. A trial gives up only when nothing has been sent for ten minutes,
or when it has ended: its end counts once the bucket has it.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from models.errors import UserError
from trainables.files.generation import Fenced
from trainables.files.remote.errors import Changed, Unreachable
from trainables.files.remote.mirror import is_lazy
from trainables.files.remote.run_mirror import RunMirror
from trainables.files.remote.table import stamp_of

VARIABLE = "PRUNETUNE_BUCKET_PATIENCE"
PATIENCE = 600.0
"""Seconds without success after which a trial stops."""
OF_STEP = 20.0
"""Seconds for which the files of one step are sent again, before the trial goes on without."""
NEEDED = ("checkpoint/latest.safetensors", "checkpoint/rewind.safetensors")
LOGS = ("events.out.tfevents", "worker.log")
"""Sent at states' ends and when the trial leaves, as they are sent whole."""


def whole_patience() -> float:
    """PATIENCE, or what PRUNETUNE_BUCKET_PATIENCE says, in seconds. UserError where that is no number above 0."""
    said = os.environ.get(VARIABLE, "").strip()
    try:
        seconds = float(said) if said else PATIENCE
    except ValueError:
        seconds = 0.0
    if seconds <= 0:
        raise UserError(f"{VARIABLE}: found {said!r}, expected a number of seconds above 0")
    return seconds


class TrialMirror:
    """Of one trial, for one launch."""

    def __init__(self, run: Path, folder: Path, generation: int) -> None:
        found = RunMirror.of(run)
        assert found is not None, "the run is in a bucket"
        self._run, self._generation, self._patience = found, generation, whole_patience()
        self._trial = found.trial(folder)
        self._failing_since: float | None = None

    def fetch(self) -> None:
        """Bring here what the trial needs to go on. Fenced where the run has had another launch since."""
        self._run.bucket.patience = self._patience
        self._run.check_generation(self._generation)
        self._run.note_generation(self._generation)
        self._run.fetch_study()
        self._trial.update(self._trial.entries(), lambda name: name in NEEDED or not is_lazy(name))

    def _says(self, name: str) -> bool:
        """Whether there is anything in it: what says nothing is removed in the end."""
        stamp = stamp_of(self._trial.folder / name)
        return stamp is not None and stamp[0] > 0

    def push(self, *, logs: bool, insist: bool) -> list[str]:
        """Send what this step has written; returns what to tell where that did not succeed, and the trial goes on.

        Raises Fenced where another process has taken the trial over, and Unreachable where it has taken too long, or with
        `insist`, which waits for as long as a trial waits at all.
        """
        began = time.monotonic()
        self._run.bucket.patience = self._patience if insist else min(OF_STEP, self._patience)
        try:
            names = [
                name for name in self._trial.local_names() if not name.startswith(LOGS) or (logs and self._says(name))
            ]
            if not self._trial.is_pending(names):
                return []
            self._run.check_generation(self._generation)
            self._trial.push(names)
        except Changed as error:
            raise Fenced(
                f"{self._run.bucket}/{error}: another process has written it; it goes on with the trial"
            ) from None
        except Unreachable as error:
            self._failing_since = self._failing_since or began
            seconds = time.monotonic() - self._failing_since
            if insist or seconds >= self._patience:
                raise
            return [f"not sent for {seconds:.0f} s, and kept on this machine: {error}"]
        self._failing_since = None
        return []
