"""Which data sets there are."""

from __future__ import annotations

from pathlib import Path

import torch

from models.errors import UserError
from models.own_parts import OwnPart, users_error, wrong_part
from trainables.config.data_sets import DATA_SETS
from trainables.config.trial import DataConfig
from trainables.data.base import DataInfo, DatasetKind, Files, Images
from trainables.data.sets.cifar import CIFAR_10, CIFAR_100
from trainables.data.sets.digits import DIGITS
from trainables.data.sets.dtd import DTD
from trainables.data.sets.fashion_mnist import FASHION_MNIST
from trainables.data.sets.image_folder import IMAGE_FOLDER

KINDS: dict[str, DatasetKind] = {
    "digits": DIGITS,
    "fashion_mnist": FASHION_MNIST,
    "cifar10": CIFAR_10,
    "cifar100": CIFAR_100,
    "image_folder": IMAGE_FOLDER,
    "dtd": DTD,
}


def kind_of(config: DataConfig) -> DatasetKind:
    """What the data is, a user's own too; UserError where that cannot be imported, or is no `DatasetKind`."""
    if config.name in KINDS:
        return KINDS[config.name]
    part: OwnPart = DATA_SETS[config.name]
    if not isinstance(part.value, DatasetKind):
        raise wrong_part("data.name", part, "a trainables.data.base.DatasetKind")
    return part.value


def read(config: DataConfig, place: Path) -> Images | Files:
    """The images, or their files; UserError where a user's own kind of data gives something else, or fails."""
    kind = kind_of(config)
    if config.name in KINDS:
        return kind.read(config, place)
    try:
        found = kind.read(config, place)
    except (UserError, OSError):
        raise
    except Exception as error:
        text = f"{config.name}: {users_error(error)}; correct it there"
        raise UserError(text, key="data.name") from error
    problem = _problem(found, kind, kind.info(config))
    if problem is not None:
        raise UserError(f"{config.name}: {problem}", key="data.name")
    return found


def _problem(found: object, kind: DatasetKind, info: DataInfo) -> str | None:
    """What is wrong with what a user's own kind of data has read, or None."""
    wanted = Files if kind.of_files else Images
    if not isinstance(found, wanted):
        told = "with" if kind.of_files else "without"
        return (
            f"found {type(found).__name__}, expected trainables.data.base.{wanted.__name__} of a kind {told} of_files"
        )
    if found.classes and len(found.classes) != info.num_classes:
        return f"its classes have {len(found.classes)} names, expected {info.num_classes}"
    if isinstance(found, Files):
        return None
    for part, images, labels in (
        ("training", found.images, found.labels),
        ("test", found.test_images, found.test_labels),
    ):
        if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] != info.in_chans:
            shape = f"{str(images.dtype).removeprefix('torch.')} of shape {tuple(images.shape)}"
            return f"its {part} images are {shape}, expected uint8 of shape (images, {info.in_chans}, height, width)"
        if labels.shape != (len(images),):
            return f"{len(images)} {part} images have labels of shape {labels.shape}, expected one for each"
        if len(labels) and not 0 <= labels.min() <= labels.max() < info.num_classes:
            return f"its {part} labels go from {labels.min()} to {labels.max()}, expected 0 to {info.num_classes - 1}"
    return None
