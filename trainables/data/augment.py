"""Augmentation of training images.

Small sets, as uint8 tensors (B, C, H, W) on the training device: crop, flip, RandAugment, in this order. Large sets,
per decoded image: brought to size (random resized crop, or resize and centre crop), then crop, flip, RandAugment.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, cast

import numpy as np
import torch
from PIL import Image
from timm.data.auto_augment import rand_augment_transform
from torch import Tensor
from torch.nn import functional
from torchvision.transforms import v2

from models.errors import UserError
from trainables.config.augment import AugmentConfig
from trainables.data.batching import moved
from trainables.seeds import derive, isolated

GREY = (128, 128, 128)
"""What geometric operations of RandAugment fill with."""


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
    return torch.where(mirrored.view(-1, 1, 1, 1), images.flip(3), images)


def rand_augment_of(notation: str, key: str = "data.augment.rand_augment") -> Callable[[Image.Image], Image.Image]:
    """timm's RandAugment from its notation, which stands at `key`; UserError where timm does not know it."""
    try:
        transform = rand_augment_transform(notation, {"img_mean": GREY})
    except (AssertionError, ValueError, KeyError) as error:
        raise UserError(
            f"found {notation!r}; expected timm's notation, such as rand-m9-mstd0.5-inc1",
            key=key,
        ) from error
    for op in transform.ops:
        if op.name.startswith("Posterize"):
            op.level_fn = partial(_at_least_one_bit, op.level_fn)
    return cast(Callable[[Image.Image], Image.Image], transform)


def _at_least_one_bit(level: Callable[..., tuple[int]], *arguments: Any) -> tuple[int]:
    """timm's strongest posterisation keeps no bit at all, which newer versions of Pillow refuse to do."""
    (bits,) = level(*arguments)
    return (max(1, bits),)


def rand_augment(images: Tensor, notation: str, seed: int) -> Tensor:
    """RandAugment of each image on the CPU, seeded by `seed` and the image's place in the batch.

    Grey images go through colour, which timm's operations fill with, and come back.
    """
    transform = rand_augment_of(notation)
    changed = [_one(image, transform, derive(seed, place)) for place, image in enumerate(images.cpu())]
    return torch.stack(changed).to(images.device)


def _one(image: Tensor, transform: Callable[[Image.Image], Image.Image], seed: int) -> Tensor:
    pixels = image.permute(1, 2, 0).numpy()
    grey = pixels.shape[2] == 1
    picture = Image.fromarray(np.repeat(pixels, 3, axis=2) if grey else pixels)
    with isolated(seed):
        changed = transform(picture)
    result = np.array(changed.convert("L"))[:, :, None] if grey else np.array(changed)
    return torch.from_numpy(result).permute(2, 0, 1)


def augment_small(images: Tensor, config: AugmentConfig, generator: torch.Generator, seed: int) -> Tensor:
    """All of a batch's augmentation for a set that lives in memory."""
    if config.crop_padding:
        images = random_crop(images, config.crop_padding, generator)
    if config.flip:
        images = random_flip(images, generator)
    if config.rand_augment:
        images = rand_augment(images, config.rand_augment, seed)
    return images


def evaluation_transform(size: int) -> v2.Transform:
    """Shorter side to `size` (bicubic, antialiased), centre crop, uint8 tensor (C, size, size)."""
    bicubic = v2.InterpolationMode.BICUBIC
    return v2.Compose([v2.Resize(size, bicubic, antialias=True), v2.CenterCrop(size), v2.PILToTensor()])


def training_transform(config: AugmentConfig, size: int) -> v2.Transform:
    """What a large set's decoded training image goes through; ends as a uint8 tensor (C, size, size)."""
    bicubic = v2.InterpolationMode.BICUBIC
    steps: list[Any] = []
    if config.random_resized_crop is not None:
        scale = (config.random_resized_crop, 1.0)
        steps.append(v2.RandomResizedCrop(size, scale, interpolation=bicubic, antialias=True))
    else:
        steps += [v2.Resize(size, bicubic, antialias=True), v2.CenterCrop(size)]
    if config.crop_padding:
        steps.append(v2.RandomCrop(size, padding=config.crop_padding))
    if config.flip:
        steps.append(v2.RandomHorizontalFlip())
    if config.rand_augment:
        steps.append(rand_augment_of(config.rand_augment))
    return v2.Compose([*steps, v2.PILToTensor()])
