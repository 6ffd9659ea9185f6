"""Tiny data sets in the real layouts of each kind, made by a test in its own folder."""

from __future__ import annotations

import gzip
import hashlib
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torchvision.datasets import CIFAR10, CIFAR100

from trainables.config.trial import DataConfig

PER_CLASS = 10


def make_data(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> DataConfig:
    """A configuration for a tiny set of the kind `name`; `digits` is the real one."""
    if name == "digits":
        return DataConfig(name="digits")
    if name == "fashion_mnist":
        write_fashion_mnist(folder)
        return DataConfig(name="fashion_mnist", root=folder)
    if name in ("cifar10", "cifar100"):
        write_cifar(folder, name, monkeypatch)
        return DataConfig(name=name, root=folder)
    if name == "image_folder":
        for part, count in (("train", PER_CLASS), ("test", 2)):
            write_images(folder / part, ["cat", "dog"], count, seed=count)
        return DataConfig(name="image_folder", root=folder, image_size=16, workers=0)
    assert name == "dtd"
    write_dtd(folder)
    return DataConfig(name="dtd", root=folder, image_size=16, workers=0)


def idx(array: np.ndarray) -> bytes:
    sizes = b"".join(int(size).to_bytes(4, "big") for size in array.shape)
    return bytes((0, 0, 8, array.ndim)) + sizes + array.astype(np.uint8).tobytes()


def write_fashion_mnist(folder: Path, packed: bool = True) -> None:
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    for part, per_class in (("train", PER_CLASS), ("t10k", 3)):
        labels = np.arange(10 * per_class) % 10
        images = rng.integers(0, 256, (len(labels), 28, 28))
        for stem, array in (("images-idx3-ubyte", images), ("labels-idx1-ubyte", labels)):
            content = idx(array)
            path = folder / f"{part}-{stem}{'.gz' if packed else ''}"
            path.write_bytes(gzip.compress(content) if packed else content)


def write_cifar(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches in the published format; torchvision's checksums are set to theirs, for it opens nothing else."""
    dataset, classes = (CIFAR10, 10) if name == "cifar10" else (CIFAR100, 100)
    key, names = ("labels", "label_names") if name == "cifar10" else ("fine_labels", "fine_label_names")
    base = folder / dataset.base_folder
    base.mkdir(parents=True)
    rng = np.random.default_rng(1)

    def write(file: str, content: dict[str, object]) -> str:
        data = pickle.dumps(content)
        (base / file).write_bytes(data)
        return hashlib.md5(data).hexdigest()

    for listed in ("train_list", "test_list"):
        sums = []
        files = getattr(dataset, listed)
        per_file = PER_CLASS // len(files)
        for file, _ in files:
            labels = [label % classes for label in range(per_file * classes)]
            data = rng.integers(0, 256, (len(labels), 3072), dtype=np.uint8)
            sums.append([file, write(file, {"data": data, key: labels})])
        monkeypatch.setattr(dataset, listed, sums)
    meta = dict(dataset.meta)
    meta["md5"] = write(meta["filename"], {names: [f"class {label}" for label in range(classes)]})
    monkeypatch.setattr(dataset, "meta", meta)


def write_images(folder: Path, classes: list[str], count: int, seed: int = 0) -> None:
    """PNG files of various sizes; each class has its own brightness."""
    rng = np.random.default_rng(seed)
    for label, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            height, width = rng.integers(18, 30, 2)
            pixels = rng.integers(0, 100, (height, width, 3)) + 60 * label % 150
            Image.fromarray(pixels.astype(np.uint8)).save(folder / name / f"{name}_{number:03d}.png")


def write_dtd(folder: Path) -> None:
    """All 47 classes with six images each; every fold deals them out to train, val and test in another order."""
    classes = [f"texture{label:02d}" for label in range(47)]
    root = folder / "dtd" / "dtd"
    write_images(root / "images", classes, 6)
    (root / "labels").mkdir()
    for fold in range(1, 11):
        for position, part in enumerate(("train", "val", "test")):
            lines = [
                f"{name}/{name}_{number:03d}.png"
                for name in classes
                for number in range(6)
                if (number + fold) % 3 == position
            ]
            (root / "labels" / f"{part}{fold}.txt").write_text("\n".join(lines) + "\n")
