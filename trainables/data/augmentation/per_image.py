"""Arguments of each image of a batch."""

from __future__ import annotations

from torch import Tensor


def per_image(values: Tensor) -> Tensor:
    """One value for each image (N,), laid out to act on all of its pixels (N, C, H, W)."""
    return values.view(-1, 1, 1, 1)
