"""How a row of images is cut into batches, how these reach the training device, and how channels are normalised."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

SMALLEST_STD = 1e-3
"""A constant channel would otherwise divide by zero."""
CHANNELS_LAST_FROM = 100
"""Side in pixels from which a CPU's convolutions are faster on images whose channels lie together: a step of ResNet-18 by 8 to
14 % from 100 to 224 px, of vision transformers by nothing. All later maps are laid out so then, whatever the weights are."""


def batch_count(images: int, batch_size: int) -> int:
    """How many training batches there are: a last one of a single image is left out (batch norm needs two)."""
    whole, rest = divmod(images, batch_size)
    return whole + (rest > 1)


def batch_bounds(images: int, batch_size: int) -> Iterator[tuple[int, int]]:
    """Start and stop of each training batch."""
    for number in range(batch_count(images, batch_size)):
        yield number * batch_size, min((number + 1) * batch_size, images)


def fit_channels(values: Sequence[float], channels: int) -> tuple[float, ...]:
    """Normalisation figures for so many channels: one is repeated, and several are averaged for grey images."""
    if len(values) == channels:
        return tuple(float(value) for value in values)
    if len(values) == 1:
        return (float(values[0]),) * channels
    if channels == 1:
        return (sum(values) / len(values),)
    raise ValueError(f"{len(values)} normalisation figures for {channels} channels")


def moved(tensor: Tensor, device: torch.device) -> Tensor:
    """A CPU tensor on the training device, by a copy that nothing waits for; on a CPU it is the tensor itself."""
    if device.type == "cpu":
        return tensor
    return tensor.pin_memory().to(device, non_blocking=True)


@dataclass(frozen=True)
class Normalisation:
    """uint8 (B, C, H, W) → float32, (x / 255 - mean) / std per channel. Made once for many batches: a GPU waits for it."""

    mean: Tensor
    std: Tensor

    @classmethod
    def of(cls, mean: Sequence[float], std: Sequence[float], device: torch.device) -> Self:
        shape = (1, -1, 1, 1)
        return cls(torch.tensor(mean, device=device).view(shape), torch.tensor(std, device=device).view(shape))

    def __call__(self, images: Tensor) -> Tensor:
        if images.device.type == "cpu" and images.shape[3] >= CHANNELS_LAST_FROM:
            images = images.contiguous(memory_format=torch.channels_last)
        return torch.div(images, 255).sub_(self.mean).div_(self.std)


def channel_statistics(images: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel of uint8 images (N, C, H, W), of pixels in [0, 1]."""
    totals = torch.zeros(images.shape[1], dtype=torch.float64)
    squares = torch.zeros_like(totals)
    for chunk in torch.split(images, 1024):
        values = chunk.double().cpu() / 255
        totals += values.sum((0, 2, 3))
        squares += values.square().sum((0, 2, 3))
    count = images.numel() / images.shape[1]
    mean = totals / count
    std = (squares / count - mean.square()).clamp(min=0).sqrt().clamp(min=SMALLEST_STD)
    return tuple(mean.tolist()), tuple(std.tolist())
