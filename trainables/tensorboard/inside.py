"""What an epoch's line says of the inside of TwistNet's blocks, as TensorBoard shows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

CELL = 16
"""Pixels of a product's side."""
PAPER, ABSENT = (255, 255, 255), (230, 230, 230)
POSITIVE, NEGATIVE = (68, 119, 170), (204, 51, 17)

Table = Sequence[Sequence[float | None]]


def products_images(inside: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, np.ndarray]]:
    """(tag, RGB image (H, W, 3)): of each block its heads' tables side by side, the first head's on the left."""
    for block, told in inside.items():
        if "products" in told:
            yield f"inside/products/{block}", products_image(told["products"])


def products_image(tables: Sequence[Table | None]) -> np.ndarray:
    """Blue above zero and red below, the stronger the larger, up to the block's largest; grey what is not there."""
    values = [[[np.nan if one is None else one for one in row] for row in table] for table in tables if table]
    side = len(values[0])
    largest = max(float(np.nanmax(np.abs(values))), np.finfo(float).tiny)
    gap = np.full((side, 1, 3), PAPER, dtype=np.uint8)
    left = iter(values)
    parts = []
    for table in tables:
        parts += [_shades(np.array(next(left) if table else np.full((side, side), np.nan)) / largest), gap]
    return np.concatenate(parts[:-1], axis=1).repeat(CELL, axis=0).repeat(CELL, axis=1)


def _shades(shares: np.ndarray) -> np.ndarray:
    """(rows, columns) in -1..1 or nan → (rows, columns, 3)."""
    colours = np.where((shares < 0)[..., None], NEGATIVE, POSITIVE)
    strong = np.abs(np.nan_to_num(shares))[..., None]
    shades = strong * colours + (1 - strong) * np.array(PAPER)
    return np.where(np.isnan(shares)[..., None], ABSENT, shades.round()).astype(np.uint8)
