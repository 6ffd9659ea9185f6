"""What one of several processes takes of a batch and of an evaluation: together they take every image once."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

SMALLEST = 2
"""Images of a process in a batch that is divided. BatchNorm needs two, and so does mixing."""


@dataclass(frozen=True)
class Share:
    """Of the process number `rank` among `processes`."""

    rank: int
    processes: int

    def divides(self, images: int) -> bool:
        """Whether a batch of so many is divided. A smaller one, which only the last of an epoch can be, is taken whole by every
        process: all come to the same gradient, and it counts once."""
        return images >= SMALLEST * self.processes

    def rows(self, images: int) -> Tensor:
        """This process's places in a batch of so many images, int64: a block of the first half, then its mirror images.

        Mixing mixes each image with the one as far from the other end. The place as far from the end of these rows is the
        same partner, so that every process mixes the pairs of the whole batch. The last image of an odd batch, which mixing
        leaves out, comes last of the last process's.
        """
        if not self.divides(images):
            return torch.arange(images)
        half = images // 2
        start, stop = _bounds(half, self)
        block = torch.arange(start, stop)
        mirrored = torch.arange(2 * half - stop, 2 * half - start)
        odd = torch.arange(2 * half, images if self.rank == self.processes - 1 else 2 * half)
        return torch.cat([block, mirrored, odd])

    def weight(self, own: int, images: int) -> float:
        """What this process's mean loss counts, so that the mean over processes is that of the batch: 1 for equal parts.

        `own` of the batch's `images` are this process's; both after mixing, which may leave one out.
        """
        return self.processes * own / images if self.divides(images) else 1.0

    def block(self, images: int) -> range:
        """This process's part of so many that are evaluated in their order."""
        return range(*_bounds(images, self))


def _bounds(count: int, share: Share) -> tuple[int, int]:
    return count * share.rank // share.processes, count * (share.rank + 1) // share.processes
