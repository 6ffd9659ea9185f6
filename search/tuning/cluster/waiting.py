"""Waiting for answers of a cluster, which may take minutes: what leaves the study is heard meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

LOOK_SECONDS = 1.0
"""Between two looks at whether the study is being left."""


def unanswered(questions: Sequence[Any], patience: float, stop: Callable[[], bool]) -> list[Any]:
    """Those of Ray's `questions` that have no answer after so many seconds, or by the moment that `stop` says to leave."""
    import ray

    waiting, end = list(questions), time.monotonic() + patience
    while waiting and not stop() and (left := end - time.monotonic()) > 0:
        _, waiting = ray.wait(waiting, num_returns=len(waiting), timeout=min(left, LOOK_SECONDS))
    return waiting


def never() -> bool:
    """Nobody asks to leave."""
    return False
