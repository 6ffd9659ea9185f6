"""How often a trial writes a checkpoint between two states' ends."""

from __future__ import annotations

import time

SHARE = 0.02
"""Of a trial's time, which its checkpoints within epochs may take at most."""


class Pace:
    """`seconds` and `steps` since the last checkpoint after which the next one is due, whichever comes first.

    Seconds act within an epoch too, unless they are 0, which stands for every epoch's end; steps None for no number of them.
    """

    def __init__(self, seconds: float = 0.0, steps: int | None = None) -> None:
        self._seconds = seconds
        self._steps = steps
        self._written_at = time.monotonic()
        self._taken = 0
        self._cost = 0.0
        """Seconds that the last checkpoint took to be written."""

    def after_step(self) -> bool:
        """Count a step; whether a checkpoint is due after it, in the middle of an epoch."""
        self._taken += 1
        if self._enough_steps():
            return True
        return self._seconds > 0 and self._waited() >= max(self._seconds, self._cost / SHARE)

    def at_epochs_end(self) -> bool:
        return self._enough_steps() or self._waited() >= self._seconds

    def written(self, cost: float) -> None:
        """A checkpoint was written just now, which took so many seconds."""
        self._written_at, self._taken, self._cost = time.monotonic(), 0, cost

    def _enough_steps(self) -> bool:
        return self._steps is not None and self._taken >= self._steps

    def _waited(self) -> float:
        return time.monotonic() - self._written_at
