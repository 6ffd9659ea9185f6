"""RandAugment's geometric operations on batches of uint8 images (N, C, H, W), each image with its own arguments (N,).

Pillow's arithmetic in its order, in float64 and cut off to whole numbers, so that the pixels are those it gives for one image
at a time. Interpolation is bicubic or bilinear; what lies outside a picture is grey.
"""

from __future__ import annotations

import torch
from torch import Tensor

from trainables.data.augmentation.per_image import per_image

FILL = 128
"""What comes in from outside the picture, in every channel."""
BILINEAR, BICUBIC = (0, 1), (-1, 0, 1, 2)
"""Neighbours that a point is interpolated between, counted from the one at or before it."""


def slide_rows(images: Tensor, slope: Tensor, shift: Tensor, *, cubic: bool) -> Tensor:
    """Each row taken from `slope` times its own place plus `shift` pixels further right."""
    width = images.shape[3]
    rows, columns = _centres(images)
    across = columns + per_image(slope) * rows + per_image(shift)
    left, beyond = _split(across)
    near = [(left + tap).clamp_(0, width - 1).expand(images.shape) for tap in (BICUBIC if cubic else BILINEAR)]
    values = _between([images.gather(3, column) for column in near], beyond)
    return _finished(values, (across >= 0) & (across < width))


def slide_columns(images: Tensor, slope: Tensor, shift: Tensor, *, cubic: bool) -> Tensor:
    """Each column taken from `slope` times its own place plus `shift` pixels further down."""
    return slide_rows(images.transpose(2, 3), slope, shift, cubic=cubic).transpose(2, 3)


def rotate(images: Tensor, cosine: Tensor, sine: Tensor, *, cubic: bool) -> Tensor:
    """About the middle, by the angle that Pillow has these of."""
    height, width = images.shape[2:]
    rows, columns = _centres(images)
    cos, sin = per_image(cosine), per_image(sine)
    across = cos * columns + sin * rows + (cos * (-width / 2) + sin * (-height / 2) + width / 2)
    down = -sin * columns + cos * rows + (-sin * (-width / 2) + cos * (-height / 2) + height / 2)
    (left, beyond), (top, below) = _split(across), _split(down)
    taps, flat = BICUBIC if cubic else BILINEAR, images.flatten(2)
    near = [(left + tap).clamp_(0, width - 1) for tap in taps]
    lines = []
    for tap in taps:
        start = (top + tap).clamp_(0, height - 1) * width
        places = [(start + column).flatten(2).expand(flat.shape) for column in near]
        lines.append(_between([flat.gather(2, place).view_as(images) for place in places], beyond))
    inside = (across >= 0) & (across < width) & (down >= 0) & (down < height)
    return _finished(_between(lines, below), inside)


def _centres(images: Tensor) -> tuple[Tensor, Tensor]:
    """Of the pixels, down (1, 1, H, 1) and across (1, 1, 1, W), float64."""
    down, across = (torch.arange(side, device=images.device, dtype=torch.float64) + 0.5 for side in images.shape[2:])
    return down.view(1, 1, -1, 1), across.view(1, 1, 1, -1)


def _split(places: Tensor) -> tuple[Tensor, Tensor]:
    """The pixel at or before each place, and how far beyond its centre the place lies, in [0, 1)."""
    from_centre = places - 0.5
    before = from_centre.floor()
    return before.long(), from_centre - before


def _between(taps: list[Tensor], beyond: Tensor) -> Tensor:
    """Of two neighbours or four, uint8 or float64, in float64."""
    wide = [tap.short() if tap.dtype == torch.uint8 else tap for tap in taps]
    if len(wide) == len(BILINEAR):
        first, second = wide
        return first + (second - first) * beyond
    first, second, third, fourth = wide
    slope, bend, twist = third - first, 2 * (first - second) + third - fourth, second - first - third + fourth
    return second + beyond * (slope + beyond * (bend + beyond * twist))


def _finished(values: Tensor, inside: Tensor) -> Tensor:
    return torch.where(inside, values.clamp(0, 255).to(torch.uint8), FILL)
