"""Augmentation of small sets, as batches of uint8 tensors (B, C, H, W) on the training device: crop, flip, RandAugment, in
this order."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor
from torch.nn import functional

from trainables.config.augment import AugmentConfig
from trainables.data.augmentation.per_image import per_image
from trainables.data.augmentation.rand_augment import rand_augment
from trainables.data.base import Batch
from trainables.data.batching import moved
from trainables.seeds import derive

SLAB = 2**22
"""Values of the pixels that RandAugment is done to at once, or a little more: some hundred images of 64 px in colour."""


def random_crop(images: Tensor, padding: int, generator: torch.Generator) -> Tensor:
    """Crop each image at its own place after padding by black; offsets are drawn on the CPU."""
    count, _, height, width = images.shape
    offsets = moved(_offsets(count, padding, generator), images.device)
    padded = functional.pad(images, [padding] * 4)
    rows = offsets[0].view(-1, 1, 1) + torch.arange(height, device=images.device).view(1, -1, 1)
    columns = offsets[1].view(-1, 1, 1) + torch.arange(width, device=images.device).view(1, 1, -1)
    which = torch.arange(count, device=images.device).view(-1, 1, 1)
    return padded.permute(0, 2, 3, 1)[which, rows, columns].permute(0, 3, 1, 2)


def random_flip(images: Tensor, generator: torch.Generator) -> Tensor:
    """Mirror each image left to right with probability one half."""
    mirrored = moved(_mirrored(len(images), generator), images.device)
    return torch.where(per_image(mirrored), images.flip(3), images)


@dataclass(frozen=True)
class SmallAugmentation:
    """All of the augmentation of an epoch's batches, uint8, of a set that lives in memory.

    `generator` and `seed` are the epoch's; `batch_values` the values of a whole batch's pixels.
    """

    config: AugmentConfig
    generator: torch.Generator
    seed: int
    batch_values: int

    def begin(self, first: int) -> int:
        """The batch that is to be begun with in order to come to batch `first`."""
        return first - first % self._together if self.config.rand_augment else first

    def pass_over(self, sizes: Iterable[int]) -> None:
        """Draw what batches of so many images would have drawn, and make none of them."""
        for count in sizes:
            if self.config.crop_padding:
                _offsets(count, self.config.crop_padding, self.generator)
            if self.config.flip:
                _mirrored(count, self.generator)

    def of(self, batches: Iterable[Batch], begin: int = 0) -> Iterator[Batch]:
        """These batches, the first of which is the epoch's number `begin`."""
        placed = ((self._placed(images), labels) for images, labels in batches)
        if not self.config.rand_augment:
            yield from placed
            return
        number = begin // self._together
        while slab := list(islice(placed, self._together)):
            images = torch.cat([images for images, _ in slab])
            changed = rand_augment(images, self.config.rand_augment, derive(self.seed, "rand_augment", number))
            labels = [labels for _, labels in slab]
            yield from zip(torch.split(changed, [len(those) for those in labels]), labels, strict=True)
            number += 1

    @property
    def _together(self) -> int:
        """Batches at a time: an operation that only a few images of a batch go through costs as much as for a hundred."""
        return math.ceil(SLAB / self.batch_values)

    def _placed(self, images: Tensor) -> Tensor:
        if self.config.crop_padding:
            images = random_crop(images, self.config.crop_padding, self.generator)
        return random_flip(images, self.generator) if self.config.flip else images


def _offsets(count: int, padding: int, generator: torch.Generator) -> Tensor:
    return torch.randint(0, 2 * padding + 1, (2, count), generator=generator)


def _mirrored(count: int, generator: torch.Generator) -> Tensor:
    return torch.rand(count, generator=generator) < 0.5
