"""Augmentation of large sets, one decoded image at a time: brought to size (random resized crop, or resize and centre crop),
then crop, flip, RandAugment."""

from __future__ import annotations

from typing import Any

from torchvision.transforms import v2

from trainables.config.augment import AugmentConfig
from trainables.data.augmentation.rand_augment import rand_augment_of


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
