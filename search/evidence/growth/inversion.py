"""An interval from a test: the outermost centres that the test does not reject."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np

SCANNED = 32
"""Centres looked at on each half of the way: the kept centres need not be one piece, and the end is that of the outermost."""
HALVINGS = 32


def outermost_kept(rejects: Callable[[float], bool], outside: float, middle: float, far: float) -> float | None:
    """The kept centre nearest to `outside`, which is rejected, on the way over `middle` to `far`; None where none is kept.

    A kept piece away from the others and narrower than a SCANNEDth of half the way may be missed; `middle` is not.
    """
    last = outside
    for centre in _on_the_way(outside, middle, far):
        if not rejects(centre):
            return _narrowed(rejects, last, centre)
        last = centre
    return None


def _on_the_way(*stations: float) -> Iterator[float]:
    for start, end in pairwise(stations):
        yield from np.linspace(start, end, SCANNED + 1)[1:].tolist()


def _narrowed(rejects: Callable[[float], bool], rejected: float, kept: float) -> float:
    for _ in range(HALVINGS):
        middle = (rejected + kept) / 2
        if rejects(middle):
            rejected = middle
        else:
            kept = middle
    return kept
