"""Why and when a study is left before it is complete: a signal, the time budget, or the same failure over and over."""

from __future__ import annotations

import math
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
ECHO_SECONDS = 1.0
"""`timeout` sends SIGTERM to its command and then to the group, and so twice to the command: it has asked once."""


class Echoes:
    """Tells a SIGTERM that was meant from its echo; one for the process, whichever of its parts is being left."""

    def __init__(self) -> None:
        self._counted = -math.inf

    def has(self, number: int) -> bool:
        """Whether this signal, which has just come, is such an echo."""
        if number != signal.SIGTERM:
            return False
        now = time.monotonic()
        if now - self._counted < ECHO_SECONDS:
            return True
        self._counted = now
        return False


echoes = Echoes()


class StopRequest:
    """Asked at every epoch's end, and at each checkpoint within one, whether to leave.

    `deadline` is in seconds from now, None for no time budget.
    """

    def __init__(self, time_budget: float | None = None) -> None:
        self.reason: str | None = None
        self.interrupted = False
        self._deadline = None if time_budget is None else time.monotonic() + time_budget

    def __bool__(self) -> bool:
        if self.reason is None and self._deadline is not None and time.monotonic() >= self._deadline:
            self.ask("the time budget is spent")
        return self.reason is not None

    def ask(self, reason: str) -> None:
        """Leave once every running trial has finished its epoch, or written a checkpoint within it."""
        self.reason = self.reason or reason

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        """First: leave at each trial's next epoch's end or checkpoint. Again: leave now."""
        if echoes.has(number):
            return
        if self.interrupted:
            raise KeyboardInterrupt
        self.interrupted = True
        self.ask(signal.Signals(number).name)
        print(
            "\nleaving: running trials go on to their next checkpoint first; once more to leave now",
            file=sys.stderr,
            flush=True,
        )

    def catch_signals(self) -> None:
        """Take SIGINT, SIGTERM and SIGUSR1. Ray and Tune install handlers of their own as they start: call it after."""
        for number in SIGNALS:
            signal.signal(number, self.on_signal)


@contextmanager
def signals_restored() -> Iterator[None]:
    """Give the signals back to whoever had them before the block."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def terminated_like_interrupted() -> Iterator[None]:
    """SIGTERM raises KeyboardInterrupt in the block, as Ctrl-C does."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        if not echoes.has(number):
            raise KeyboardInterrupt

    with signals_restored():
        signal.signal(signal.SIGTERM, interrupt)
        yield
