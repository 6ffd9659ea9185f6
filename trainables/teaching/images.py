"""A teacher is shown the student's images as it was trained to see them: in its own normalisation, channels and size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class Scale:
    """Mean and standard deviation of each channel that pixels in [0, 1] are normalised with."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def of(cls, mean: Sequence[float], std: Sequence[float]) -> Self:
        return cls(tuple(float(value) for value in mean), tuple(float(value) for value in std))


class ShownItsOwn(nn.Module):
    """The teacher, for images (B, C, side, side) in the student's normalisation: grey ones reach a teacher of colours with
    the same in all its channels, and those of another size are resized as data are, bicubic with antialiasing.

    Resizing weighs pixels with weights that sum to 1, so it may come before the normalisation is changed; values that it takes
    beyond black or white are set back to these. What needs no change is not touched. `size` is the teacher's side in pixels.
    """

    def __init__(self, teacher: nn.Module, seen: Scale, own: Scale, size: int) -> None:
        super().__init__()
        self.teacher = teacher
        self.size = size
        self.same_scale = seen == own
        theirs, ours = _tensors(seen), _tensors(own)
        # One multiplication and one addition, worked out in double precision.
        self.register_buffer("factor", (theirs[1] / ours[1]).float())
        self.register_buffer("shift", ((theirs[0] - ours[0]) / ours[1]).float())
        self.register_buffer("black", (-ours[0] / ours[1]).float())
        self.register_buffer("white", ((1 - ours[0]) / ours[1]).float())

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.teacher(self.shown(images))
        return logits

    def shown(self, images: Tensor) -> Tensor:
        """The images as the teacher gets them."""
        resized = images.shape[2:] != (self.size, self.size)
        if resized:
            images = functional.interpolate(images, (self.size, self.size), mode="bicubic", antialias=True)
        if not self.same_scale:
            images = images * self.get_buffer("factor") + self.get_buffer("shift")
        if resized:
            images = torch.clamp(images, self.get_buffer("black"), self.get_buffer("white"))
        return images


def _tensors(scale: Scale) -> tuple[Tensor, Tensor]:
    mean, std = (torch.tensor(values, dtype=torch.float64).view(1, -1, 1, 1) for values in (scale.mean, scale.std))
    return mean, std
