"""Why and when a study is left before it is complete: a signal, the time budget, or the same failure over and over."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)


class StopRequest:
    """Asked at every epoch's end whether to leave. `deadline` is in seconds from now, None for no time budget."""

    def __init__(self, time_budget: float | None = None) -> None:
        self.reason: str | None = None
        self.interrupted = False
        self._deadline = None if time_budget is None else time.monotonic() + time_budget

    def __bool__(self) -> bool:
        if self.reason is None and self._deadline is not None and time.monotonic() >= self._deadline:
            self.ask("the time budget is spent")
        return self.reason is not None

    def ask(self, reason: str) -> None:
        """Leave once every running trial has finished its epoch."""
        self.reason = self.reason or reason

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        """First: leave when the epochs are finished. Again: leave now."""
        if self.interrupted:
            raise KeyboardInterrupt
        self.interrupted = True
        self.ask(signal.Signals(number).name)
        print("\nleaving: finishing the running epochs first; once more to leave now", file=sys.stderr, flush=True)

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
    with signals_restored():
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        yield
