"""CIFAR-10 and CIFAR-100: 50 000 + 10 000 colour images of 32 x 32 pixels (Krizhevsky 2009), read by torchvision.

The files are pickles, so torchvision unpickles only what has the published checksums; nothing else here opens them.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import torch
from torchvision.datasets import CIFAR10, CIFAR100

from models.errors import UserError
from trainables.config.trial import DataConfig
from trainables.data.base import DataInfo, DatasetKind, Images
from trainables.data.sets.fetching import search_folders


def _find(dataset: type[CIFAR10], config: DataConfig) -> Path | None:
    """The folder that holds torchvision's folder of batches; the root may also be that folder itself."""
    for folder in search_folders(config):
        if (folder / dataset.base_folder).is_dir():
            return folder
        if folder.name == dataset.base_folder and folder.is_dir():
            return folder.parent
    return None


def _download(dataset: type[CIFAR10], folder: Path) -> None:
    """By torchvision, which checks the archive's checksum."""
    dataset(str(folder), download=True)


def _read(dataset: type[CIFAR10], config: DataConfig, place: Path) -> Images:
    try:
        train, test = dataset(str(place), train=True), dataset(str(place), train=False)
    except RuntimeError as error:
        folder = place / dataset.base_folder
        raise UserError(
            f"files in {folder} are missing or do not have the published checksums; "
            "delete that folder and fetch it again",
            key="data.root",
        ) from error
    return Images(_pixels(train), _labels(train), _pixels(test), _labels(test), classes=tuple(train.classes))


def _pixels(dataset: CIFAR10) -> torch.Tensor:
    return torch.from_numpy(dataset.data).permute(0, 3, 1, 2).contiguous()


def _labels(dataset: CIFAR10) -> np.ndarray:
    return np.asarray(dataset.targets, dtype=np.int64)


def _kind(name: str, classes: int, dataset: type[CIFAR10]) -> DatasetKind:
    return DatasetKind(
        info=lambda config: DataInfo(name, classes, 3, config.image_size or 32),
        find=partial(_find, dataset),
        expected=f"the folder {dataset.base_folder} of its python version",
        download=partial(_download, dataset),
        read=partial(_read, dataset),
    )


CIFAR_10 = _kind("cifar10", 10, CIFAR10)
CIFAR_100 = _kind("cifar100", 100, CIFAR100)
