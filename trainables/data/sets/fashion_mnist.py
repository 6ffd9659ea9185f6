"""Fashion-MNIST: 60 000 + 10 000 grey images of 28 x 28 pixels in ten classes, in idx files (Xiao et al. 2017)."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np
import torch
from torchvision.datasets import FashionMNIST

from models.errors import UserError
from trainables.config.trial import DataConfig
from trainables.data.base import DataInfo, DatasetKind, Images
from trainables.data.sets.fetching import search_folders

NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
UNSIGNED_BYTES = 8
CLASSES = 10


def find(config: DataConfig) -> Path | None:
    """The folder that holds the four idx files themselves: the root, torchvision's layout in it, or a package's."""
    layouts = (Path("."), Path("FashionMNIST/raw"), Path("fashion-mnist"))
    for folder in search_folders(config):
        for layout in layouts:
            if all(_file(folder / layout, name) is not None for name in NAMES):
                return folder / layout
    return None


def _file(folder: Path, name: str) -> Path | None:
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


def download(folder: Path) -> None:
    """By torchvision, which checks each file's checksum."""
    FashionMNIST(folder, download=True)


def read(config: DataConfig, place: Path) -> Images:
    train_images, train_labels, test_images, test_labels = (_array(place, name) for name in NAMES)
    for images, labels in ((train_images, train_labels), (test_images, test_labels)):
        if images.ndim != 3 or labels.shape != images.shape[:1] or (len(labels) and labels.max() >= CLASSES):
            raise UserError(
                f"the images and labels in {place} do not belong together; fetch them again", key="data.root"
            )
    return Images(
        torch.from_numpy(train_images).unsqueeze(1),
        train_labels.astype(np.int64),
        torch.from_numpy(test_images).unsqueeze(1),
        test_labels.astype(np.int64),
        classes=tuple(FashionMNIST.classes),
    )


def _array(folder: Path, name: str) -> np.ndarray:
    """An idx file of bytes: two zero bytes, the type, how many dimensions, each as 4 bytes (high first), the data."""
    path = _file(folder, name)
    if path is None:
        raise UserError(f"{folder / name} has gone", key="data.root")
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path} cannot be read ({error}); fetch it again", key="data.root") from error
    dimensions = content[3] if len(content) >= 4 else 0
    shape = tuple(int(size) for size in np.frombuffer(content[4 : 4 + 4 * dimensions], dtype=">u4"))
    start = 4 + 4 * dimensions
    if content[:3] != bytes((0, 0, UNSIGNED_BYTES)) or not shape or len(content) - start != int(np.prod(shape)):
        raise UserError(f"{path} is not a whole idx file of bytes; fetch it again", key="data.root")
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape).copy()


FASHION_MNIST = DatasetKind(
    info=lambda config: DataInfo("fashion_mnist", CLASSES, 1, config.image_size or 28),
    find=find,
    expected="its four idx files, plain or .gz, in that folder, in FashionMNIST/raw or in fashion-mnist "
    "(Debian's package dataset-fashion-mnist has them)",
    download=download,
    read=read,
)
