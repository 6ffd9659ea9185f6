"""Data sets by name: `load_data(config, device)` gives the splits, the batches and what a network must know of them."""

from __future__ import annotations

from pathlib import Path

import torch

from models.errors import UserError
from trainables.config.augment import AugmentConfig
from trainables.config.trial import DataConfig
from trainables.data.augmentation.rand_augment import check_rand_augment, rand_augment_of
from trainables.data.base import Batch, Data, DataInfo, Files, Images
from trainables.data.in_memory import load_in_memory
from trainables.data.loader import load_files
from trainables.data.readable import check_readable, without_unreadable
from trainables.data.sets.catalogue import KINDS, kind_of, read
from trainables.data.sets.fetching import fetch

__all__ = [
    "KINDS",
    "Batch",
    "Data",
    "DataInfo",
    "check_augment",
    "check_available",
    "check_every_image",
    "describe_data",
    "fetch_data",
    "load_data",
]


def describe_data(config: DataConfig) -> DataInfo:
    """Name, classes, channels and image size, without reading any image."""
    return kind_of(config).info(config)


def fetch_data(config: DataConfig) -> Path:
    """The folder of the data, downloaded first if need be, once however many ask; UserError if it cannot be had."""
    return fetch(config, kind_of(config))


def check_available(config: DataConfig) -> None:
    """Find mistakes before any trial starts: UserError for data that cannot be had or augmentation that cannot be done.

    Data that can be downloaded is downloaded here, so that the trials of a study find it.
    """
    check_augment(config, config.augment)
    fetch_data(config)


def load_data(config: DataConfig, device: torch.device) -> Data:
    """Load the data with its splits; small sets move to `device` as a whole."""
    check_augment(config, config.augment)
    place = fetch_data(config)
    raw, info = read(config, place), describe_data(config)
    _check_held_out(config, raw)
    if isinstance(raw, Files):
        if config.on_bad_image == "skip":
            raw = without_unreadable(config, raw)
        return load_files(config, info, raw, device)
    return load_in_memory(config, info, raw, device)


def check_every_image(config: DataConfig) -> None:
    """UserError that counts and names the image files that cannot be read, unless they are to be skipped; then `load_data`
    finds what was found here. Data in memory has been read as a whole.

    For whoever is about to train for days: a trial meets each of its images within its first epoch.
    """
    if kind_of(config).of_files:
        raw = read(config, fetch_data(config))
        assert isinstance(raw, Files)
        check_readable(config, raw)


def _check_held_out(config: DataConfig, raw: Images | Files) -> None:
    """UserError where a part is to be held out as the test split of data that has one."""
    own = raw.test is not None if isinstance(raw, Files) else not raw.held_out
    for key in ("test_fraction", "folds"):
        value = getattr(config, key)
        if own and value is not None:
            raise UserError(
                f"found {value:g}, but {config.name} has a test split of its own here; leave the key out",
                key=f"data.{key}",
            )


def check_augment(config: DataConfig, augment: AugmentConfig, section: str = "data.augment") -> None:
    """UserError where `augment`, which stands in `section`, cannot be done to the images of this data."""
    if augment.rand_augment:
        check = rand_augment_of if kind_of(config).of_files else check_rand_augment
        check(augment.rand_augment, f"{section}.rand_augment")
    if augment.random_resized_crop is not None and not kind_of(config).of_files:
        raise UserError(
            f"{config.name} has small images; expected null here (it is for "
            f"{' and '.join(sorted(name for name, kind in KINDS.items() if kind.of_files))}); use crop_padding",
            key=f"{section}.random_resized_crop",
        )
