"""Into how many parts a training step's batch is cut where a GPU's memory does not do for the whole of it.

The parts' gradients add up to the whole batch's, but in another order of sums, and dropout draws anew for each: a trial that
does so says it, and shares no state as one of the same numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def next_micro_batches(batch_size: int, now: int) -> int | None:
    """After memory ran out with `now` parts of `batch_size` images: twice as many, at most one for each image; None where the
    parts are single images already."""
    return min(2 * now, batch_size) if now < batch_size else None


def images_at_a_time(images: int, micro_batches: int) -> int:
    """The most that are in memory of so many images together."""
    return -(-images // micro_batches)


def recorded_micro_batches(epochs: Iterable[Mapping[str, Any]]) -> int:
    """The most that a record's epoch lines name."""
    return max((int(line.get("micro_batches", 1)) for line in epochs), default=1)


def micro_batch_warnings(batch_size: int, micro_batches: int, *, batch_norm: bool) -> tuple[str, ...]:
    """Of a state whose steps were taken so, for whoever reads its figures."""
    if micro_batches == 1:
        return ()
    at_once = images_at_a_time(batch_size, micro_batches)
    lines = [
        f"trained {at_once} images at a time of batches of {batch_size}, since the GPU's memory did not do for more: the "
        "gradients are those of whole batches but for rounding, and dropout and stochastic depth draw other numbers"
    ]
    if batch_norm:
        lines.append(
            f"BatchNorm normalised {at_once} images at a time, not {batch_size}: its statistics, and so the network, are not "
            "those of whole batches; compare it with other trials only with care, or lower train.batch_size for all of them"
        )
    return tuple(lines)
