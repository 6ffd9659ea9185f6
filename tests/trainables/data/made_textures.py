"""A stand-in for the Describable Textures Dataset: its layout and its 47 classes, with small drawn textures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

CLASSES, FOLDS, PARTS = 47, 10, ("train", "val", "test")


def write_textures(folder: Path, per_part: int = 2, side: int = 32) -> Path:
    """Write `images/` and `labels/` and return the folder; each fold deals a class's images out anew, `per_part` to each part.

    A class is a grating of one direction and one width under noise, so that there is something to learn.
    """
    random = np.random.default_rng(0)
    names = [f"texture{label:02d}" for label in range(CLASSES)]
    images = {}
    for label, name in enumerate(names):
        (folder / "images" / name).mkdir(parents=True)
        images[name] = [f"{name}/{name}_{number:04d}.jpg" for number in range(per_part * len(PARTS))]
        for path in images[name]:
            Image.fromarray(_texture(label, side, random)).save(folder / "images" / path)
    (folder / "labels").mkdir()
    for fold in range(1, FOLDS + 1):
        dealt = {name: random.permutation(found) for name, found in images.items()}
        for place, part in enumerate(PARTS):
            lines = [path for found in dealt.values() for path in found[place * per_part : (place + 1) * per_part]]
            (folder / "labels" / f"{part}{fold}.txt").write_text("\n".join(lines) + "\n")
    return folder


def _texture(label: int, side: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """`side` x `side` x 3."""
    angle, waves = np.pi * (label % 8) / 8, 2 + label // 8
    rows, columns = np.mgrid[0:side, 0:side] / side
    phase = random.uniform(0, 2 * np.pi)
    grating = np.sin(2 * np.pi * waves * (np.cos(angle) * columns + np.sin(angle) * rows) + phase)
    grey = 128 + 80 * grating + random.normal(0, 20, (side, side))
    return np.repeat(grey.clip(0, 255).astype(np.uint8)[:, :, None], 3, axis=2)
