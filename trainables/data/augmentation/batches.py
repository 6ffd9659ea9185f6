"""Augmentation of small sets, as batches of uint8 tensors (B, C, H, W) on the training device: crop, flip, RandAugment, in
this order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

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
    offsets = moved(torch.randint(0, 2 * padding + 1, (2, count), generator=generator), images.device)
    padded = functional.pad(images, [padding] * 4)
    rows = offsets[0].view(-1, 1, 1) + torch.arange(height, device=images.device).view(1, -1, 1)
    columns = offsets[1].view(-1, 1, 1) + torch.arange(width, device=images.device).view(1, 1, -1)
    which = torch.arange(count, device=images.device).view(-1, 1, 1)
    return padded.permute(0, 2, 3, 1)[which, rows, columns].permute(0, 3, 1, 2)


def random_flip(images: Tensor, generator: torch.Generator) -> Tensor:
    """Mirror each image left to right with probability one half."""
    mirrored = moved(torch.rand(len(images), generator=generator) < 0.5, images.device)
    return torch.where(per_image(mirrored), images.flip(3), images)


def augment_small(
    batches: Iterable[Batch], config: AugmentConfig, generator: torch.Generator, seed: int
) -> Iterator[Batch]:
    """All of the augmentation of an epoch's batches, uint8, of a set that lives in memory."""
    placed = ((_placed(images, config, generator), labels) for images, labels in batches)
    if not config.rand_augment:
        yield from placed
        return
    for number, slab in enumerate(_slabs(placed)):
        images = torch.cat([images for images, _ in slab])
        changed = rand_augment(images, config.rand_augment, derive(seed, "rand_augment", number))
        labels = [labels for _, labels in slab]
        yield from zip(torch.split(changed, [len(those) for those in labels]), labels, strict=True)


def _placed(images: Tensor, config: AugmentConfig, generator: torch.Generator) -> Tensor:
    if config.crop_padding:
        images = random_crop(images, config.crop_padding, generator)
    return random_flip(images, generator) if config.flip else images


def _slabs(batches: Iterable[Batch]) -> Iterator[list[Batch]]:
    """Some batches at a time: an operation that only a few images of a batch go through costs as much as for a hundred."""
    slab: list[Batch] = []
    for images, labels in batches:
        slab.append((images, labels))
        if len(slab) * images.numel() >= SLAB:
            yield slab
            slab = []
    if slab:
        yield slab
