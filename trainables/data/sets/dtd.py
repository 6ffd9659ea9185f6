"""The Describable Textures Dataset: 5640 images in 47 classes, with ten published folds (Cimpoi et al. 2014).

Each fold has its own train, val and test thirds, so neither `val_fraction` nor `split_seed` acts on it.
"""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from torchvision.datasets import DTD as TorchvisionDTD

from models.errors import UserError
from trainables.config.trial import DataConfig
from trainables.data.base import DataInfo, DatasetKind, Files, Part
from trainables.data.sets.fetching import search_folders
from trainables.data.sets.image_folder import DEFAULT_SIZE

CLASSES = 47
LAYOUTS = (Path("dtd/dtd"), Path("dtd"), Path("."))


def find(config: DataConfig) -> Path | None:
    """The folder that holds `images/` and `labels/`: torchvision's, or the unpacked archive's own."""
    places = (folder / layout for folder in search_folders(config) for layout in LAYOUTS)
    return next((place for place in places if (place / "images").is_dir() and (place / "labels").is_dir()), None)


def download(folder: Path) -> None:
    """By torchvision, which checks the archive's checksum."""
    TorchvisionDTD(str(folder), download=True)


def read(config: DataConfig, place: Path) -> Files:
    names = sorted(entry.name for entry in (place / "images").iterdir() if entry.is_dir())
    if len(names) != CLASSES:
        raise UserError(
            f"{place / 'images'} has {len(names)} class folders, expected {CLASSES}; fetch it again", key="data.root"
        )
    train, val, test = (_listed(place, f"{part}{config.fold}.txt", names) for part in ("train", "val", "test"))
    named: dict[Part, str] = {part: f"labels/{part}{config.fold}.txt" for part in get_args(Part)}
    return Files(place, names, named, train, val, test)


def _listed(place: Path, name: str, classes: list[str]) -> list[tuple[Path, int]]:
    """The images that one of the folds' lists names as CLASS/IMAGE, in its order."""
    labels = {known: label for label, known in enumerate(classes)}
    try:
        lines = (place / "labels" / name).read_text().split()
        files = [(place / "images" / line, labels[line.partition("/")[0]]) for line in lines]
    except (OSError, KeyError) as error:
        raise UserError(
            f"{place / 'labels' / name} cannot be used ({error}); fetch dtd again", key="data.root"
        ) from error
    gone = next((path for path, _ in files if not path.is_file()), None)
    if gone is not None or not files:
        raise UserError(f"{gone or place / 'labels' / name} is missing or empty; fetch dtd again", key="data.root")
    return files


DTD = DatasetKind(
    info=lambda config: DataInfo("dtd", CLASSES, 3, config.image_size or DEFAULT_SIZE),
    find=find,
    expected="the folders images/ and labels/ of its archive, in that folder, in dtd or in dtd/dtd",
    download=download,
    read=read,
    of_files=True,
)
