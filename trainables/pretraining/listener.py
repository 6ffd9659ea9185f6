"""Who follows a pretraining, and may ask it to leave; by default nobody does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


def _nothing(*_: Any) -> None: ...


@dataclass(frozen=True)
class Listener:
    """Told by the first process alone; `leaves` is asked in every one, after each step, and each
    second while data are looked for and images looked at."""

    epoch: Callable[[dict[str, Any]], None] = _nothing
    """A line of the log."""
    tell: Callable[[str], None] = _nothing
    """A line for people: the data's splits, what is odd about them, what recipe is run in how many processes."""
    start: Callable[[int, int, int], None] = _nothing
    """Epochs that are done, epochs in all, and steps of each."""
    step: Callable[[int, int], None] = _nothing
    """Steps of the present epoch that are done, and images of each."""
    leaves: Callable[[], bool] = lambda: False
    """Whether to leave, after a checkpoint where steps have been taken."""
