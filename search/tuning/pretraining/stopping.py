"""How a pretraining is asked to leave: by Ctrl-C or SIGTERM, after which it writes a checkpoint first."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from search.tuning.stop_request import SIGNALS, echoes, signals_restored


@contextmanager
def asked_by_signals(*, once: bool, silent: bool) -> Iterator[Callable[[], bool]]:
    """Within the block a signal asks to leave, which the function that is given answers; a second one leaves at once.

    `once`: it does not, since whoever started several processes sends them the signal that their terminal has sent too.
    """
    asked = False

    def hear(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if echoes.has(number) or (asked and once):
            return
        if asked:
            raise KeyboardInterrupt("the same command goes on from the last checkpoint")
        asked = True
        if not silent:
            again = "" if once else "; once more to leave now"
            print(f"\nleaving after a checkpoint{again}", file=sys.stderr, flush=True)

    with signals_restored():
        for number in SIGNALS:
            signal.signal(number, hear)
        yield lambda: asked
