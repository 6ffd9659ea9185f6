"""Any images in folders: `train/CLASS/image`, and optionally `val/` and `test/` with the same classes."""

from __future__ import annotations

from pathlib import Path

from torchvision.datasets.folder import IMG_EXTENSIONS

from models.errors import UserError
from trainables.config.trial import DataConfig
from trainables.data.base import DataInfo, DatasetKind, Files
from trainables.data.fetching import search_folders

DEFAULT_SIZE = 224


def find(config: DataConfig) -> Path | None:
    """The root, which has to be said: a default place would make any two sets of images one."""
    if config.root is None:
        return None
    return next((folder for folder in search_folders(config) if (folder / "train").is_dir()), None)


def info(config: DataConfig) -> DataInfo:
    place = find(config)
    if place is None:
        where = "not given" if config.root is None else str(config.root)
        raise UserError(
            f"{where}; image_folder expects a folder holding train/CLASS/image files; point it there", key="data.root"
        )
    return DataInfo("image_folder", len(class_names(place / "train")), 3, config.image_size or DEFAULT_SIZE)


def class_names(folder: Path) -> list[str]:
    """The class folders in alphabetical order; hidden ones are no classes."""
    names = sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    if len(names) < 2:
        raise UserError(f"{folder} has {len(names)} class folders; expected at least two, one a class", key="data.root")
    return names


def read(config: DataConfig, place: Path) -> Files:
    names = class_names(place / "train")
    return Files(place, _files(place / "train", names), _part(place / "val", names), _part(place / "test", names))


def _part(folder: Path, names: list[str]) -> list[tuple[Path, int]] | None:
    if not folder.is_dir():
        return None
    unknown = sorted(set(class_names(folder)) - set(names))
    if unknown:
        raise UserError(
            f"{folder} has the class {unknown[0]!r}, which train/ has not; give both the same classes", key="data.root"
        )
    return _files(folder, names)


def _files(folder: Path, names: list[str]) -> list[tuple[Path, int]]:
    """Every image below each class folder, sorted by name; formats by torchvision's list of extensions."""
    files = []
    for label, name in enumerate(names):
        below = sorted(path for path in (folder / name).rglob("*") if path.suffix.lower() in IMG_EXTENSIONS)
        if not below and folder.name == "train":
            raise UserError(
                f"{folder / name} holds no image; expected one of {', '.join(IMG_EXTENSIONS)}", key="data.root"
            )
        files += [(path, label) for path in below]
    return files


IMAGE_FOLDER = DatasetKind(
    info=info,
    find=find,
    expected="a folder holding train/CLASS/image files, and val/ and test/ alike if there are such parts",
    download=None,
    read=read,
)
