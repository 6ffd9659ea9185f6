"""Folders of photographs that a test makes for itself: PNG and JPEG, of differing sizes, each class in a colour of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("daisy", "rose", "tulip")


def write_photographs(folder: Path, per_class: int, sides: tuple[int, int] = (50, 66), seed: int = 0) -> Path:
    """`folder/CLASS/NUMBER.png` and `.jpg`, the longer side between `sides`."""
    rng = np.random.default_rng(seed)
    for label, name in enumerate(CLASSES):
        (folder / name).mkdir(parents=True)
        for number in range(per_class):
            width, height = rng.integers(*sides, 2)
            pixels = rng.integers(0, 120, (height, width, 3))
            pixels[..., label] += 100
            suffix = "jpg" if number % 2 else "png"
            Image.fromarray(pixels.astype(np.uint8)).save(folder / name / f"{number:03d}.{suffix}")
    return folder


def write_parts(folder: Path, **parts: int) -> Path:
    """`folder/PART/CLASS/…`, so many images of each class in each part."""
    for seed, (part, per_class) in enumerate(parts.items()):
        write_photographs(folder / part, per_class, seed=seed)
    return folder
