"""What is odd about a data set and its splits, a line each with the figures: not refused, but all of it misleads."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median

import numpy as np

from models.preprocessing import WIDEST_GREY, is_sixteen_bit
from trainables.config.origins import SMALL_VALIDATION
from trainables.config.trial import SMALLEST_SIDE, DataConfig
from trainables.data.base import DataInfo
from trainables.data.decoding import opened

FEW = 10
"""Validation images of a class below which its accuracy says little: one image is ten points of it."""
FAR_SMALLER = 20
"""A class with so many times fewer images than the median class is told; ImageNet's smallest has 732 of 1,300."""
TINY = 8
"""Pixels below which the shorter side of a file is no picture; scikit-learn's digits have 8."""
ENLARGED = 2.0
"""How often an image is enlarged by the default size before that is told."""
LOOKED_AT = 256
"""Training images whose heads are read."""
READ_WHOLE = 32
"""Images whose pixels are read too."""
DARK = 4096
"""An image of 16 bits that stays below this holds 12 bits at most, and is nearly black beside the full range."""

OF_SPLITS = ("classes missing from the", "classes with one training image", "classes far smaller", SMALL_VALIDATION)
"""How what `split_warnings` tells begins."""

Counts = Mapping[str, Mapping[str, int]]
"""Part → class → images."""


def class_counts(labels: np.ndarray, classes: Sequence[str]) -> dict[str, int]:
    """Class → how many of the labels are its own, none included."""
    found = np.bincount(labels, minlength=len(classes)).tolist()
    return dict(zip(classes, found, strict=True))


def split_warnings(counts: Counts) -> tuple[str, ...]:
    """About the splits' sizes, class by class."""
    return (
        *_missing_classes(counts),
        *_single_images(counts["train"]),
        *_far_smaller(counts),
        *_few_to_choose_by(counts["val"]),
    )


def is_of_splits(warning: str) -> bool:
    """Whether a warning, with or without arms before it, speaks of the splits' sizes: over folds these are one fold's."""
    return any(warning.startswith(begin) or f": {begin}" in warning for begin in OF_SPLITS)


def _missing_classes(counts: Counts) -> Iterator[str]:
    consequences = {
        "train": "so the network cannot learn it; add images, or hold out less",
        "val": "so no choice heeds it; add images of it, or hold out more",
        "test": "so no test accuracy speaks of it; add images of it, or hold out more",
    }
    names = {"train": "training", "val": "validation", "test": "test"}
    for part, classes in counts.items():
        missing = [name for name, images in classes.items() if images == 0]
        if missing and sum(classes.values()) > 0:
            yield (
                f"classes missing from the {names[part]} images: {len(missing)} of {len(classes)} ({_some(missing)}), "
                f"{consequences[part]}"
            )


def _single_images(classes: Mapping[str, int]) -> Iterator[str]:
    single = [name for name, images in classes.items() if images == 1]
    if single:
        yield (
            f"classes with one training image: {len(single)} of {len(classes)} ({_some(single)}); nothing general can be "
            "learnt from one; add images, or raise data.train_limit where that is set"
        )


def _far_smaller(counts: Counts) -> Iterator[str]:
    names = {"train": "training", "test": "test"}
    for part, noun in names.items():
        sizes = [images for images in counts[part].values() if images > 0]
        usual = median(sizes) if sizes else 0
        small = {name: images for name, images in counts[part].items() if 0 < images * FAR_SMALLER < usual}
        if small and usual >= FAR_SMALLER:
            fewest, least = min(small.items(), key=lambda entry: entry[1])
            yield (
                f"classes far smaller than most: {len(small)} of {len(counts[part])} have under a {FAR_SMALLER}th of the usual "
                f"{usual:g} {noun} images (fewest: {fewest} with {least}), as a copy that was not finished looks; count the "
                "files, or go on if the data are so"
            )


def _few_to_choose_by(classes: Mapping[str, int]) -> Iterator[str]:
    few = {name: images for name, images in classes.items() if 0 < images < FEW}
    if not few:
        return
    images, (fewest, least) = sum(classes.values()), min(few.items(), key=lambda entry: entry[1])
    yield (
        f"{SMALL_VALIDATION}: {len(few)} of {len(classes)} classes have under {FEW} images (fewest: {fewest} with {least}), "
        f"{images} in all, so one image is {100 / images:.2f} points of validation accuracy and its standard error up to "
        f"{50 / math.sqrt(images):.1f} points; give more images to choose by (raise data.val_fraction where they are held out)"
    )


def _some(names: Sequence[str], most: int = 3) -> str:
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def file_warnings(config: DataConfig, info: DataInfo, folder: Path, files: Sequence[Path]) -> tuple[str, ...]:
    """About some of the training images' files, by their heads alone; of a few the pixels are read too.

    Raises BadImage for a file that is no image.
    """
    sides: dict[Path, tuple[int, int]] = {}
    brightest: list[int] = []
    for path in files[:LOOKED_AT]:
        with opened(path) as image:
            sides[path] = image.size
            if is_sixteen_bit(image) and len(brightest) < READ_WHOLE:
                brightest.append(int(np.asarray(image).max()))
    blank = [path for path in files[:READ_WHOLE] if _is_blank(path)]
    return (
        *_tiny(folder, sides),
        *_enlarged(config, info, sides),
        *_dark(brightest),
        *_blank(folder, blank, min(len(files), READ_WHOLE)),
    )


def _is_blank(path: Path) -> bool:
    """Whether all pixels are equal. A JPEG is first read at a fraction of its size, which settles it for most."""
    return _is_one_colour(path, hasty=True) and _is_one_colour(path, hasty=False)


def _is_one_colour(path: Path, hasty: bool) -> bool:
    with opened(path) as image:
        if hasty:
            image.draft(None, (TINY, TINY))
        pixels = np.asarray(image)
        return bool((pixels == pixels[:1, :1]).all())


def _blank(folder: Path, blank: Sequence[Path], looked_at: int) -> Iterator[str]:
    if blank:
        yield (
            f"blank images: {len(blank)} of {looked_at} training images looked at are of one colour throughout "
            f"({blank[0].relative_to(folder)}), so nothing is drawn in them; look at the files, or at what wrote them"
        )


def _tiny(folder: Path, sides: Mapping[Path, tuple[int, int]]) -> Iterator[str]:
    tiny = {path: size for path, size in sides.items() if min(size) < TINY}
    if tiny:
        path, (width, height) = min(tiny.items(), key=lambda entry: min(entry[1]))
        yield (
            f"tiny images: {len(tiny)} of {len(sides)} training images looked at are under {TINY} px on a side "
            f"({path.relative_to(folder)}: {width} x {height} px); remove files that are no pictures"
        )


def _enlarged(config: DataConfig, info: DataInfo, sides: Mapping[Path, tuple[int, int]]) -> Iterator[str]:
    shorter = round(median(min(size) for size in sides.values()))
    factor = info.image_size / shorter
    if config.image_size is None and factor >= ENLARGED:
        yield (
            f"small images: data.image_size is not given, so images of {shorter} px on the shorter side (median of "
            f"{len(sides)} looked at) are enlarged to {info.image_size} px, {factor**2:.0f} times the pixels and about as many "
            f"times the cost; say data.image_size, such as {max(shorter, SMALLEST_SIDE)}"
        )


def _dark(brightest: Sequence[int]) -> Iterator[str]:
    if brightest and max(brightest) < DARK:
        yield (
            f"dark images: the brightest pixel of {len(brightest)} images of 16 bits looked at is {max(brightest)}, where "
            f"white is {WIDEST_GREY}, so they are read as nearly black; stretch their values to the full range"
        )
