"""Crops and flips of batches against what they say they do."""

from __future__ import annotations

import torch
from torch.nn import functional

from trainables.data.augmentation.batches import random_crop, random_flip
from trainables.seeds import generator


def some_images(count: int = 32, channels: int = 3, side: int = 12) -> torch.Tensor:
    return torch.randint(1, 256, (count, channels, side, side), dtype=torch.uint8, generator=generator(0))


def test_a_random_crop_is_a_window_of_the_padded_image() -> None:
    images = some_images()
    cropped = random_crop(images, 2, generator(1))
    padded = functional.pad(images, [2] * 4)
    places = set()
    for original, crop in zip(padded, cropped, strict=True):
        found = [
            (top, left)
            for top in range(5)
            for left in range(5)
            if torch.equal(original[:, top : top + 12, left : left + 12], crop)
        ]
        assert len(found) == 1
        places.update(found)
    assert len(places) > 10


def test_a_flip_mirrors_about_half() -> None:
    images = some_images(400)
    flipped = random_flip(images, generator(2))
    mirrored = [torch.equal(a.flip(2), b) for a, b in zip(images, flipped, strict=True)]
    kept = [torch.equal(a, b) for a, b in zip(images, flipped, strict=True)]
    assert all(a != b for a, b in zip(mirrored, kept, strict=True))
    assert 150 < sum(mirrored) < 250
