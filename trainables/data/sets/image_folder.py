"""Any images in folders: `train/CLASS/image`, and with the same classes `val/` (`valid/`, `validation/`) and `test/`, if any.

With `val/` and no `test/`, as ImageNet is laid out, `val/` is the test and validation is held out of `train/`: what one
chooses by must not be what one reports. `data.test_fraction` says otherwise.
"""

from __future__ import annotations

from pathlib import Path

from torchvision.datasets.folder import IMG_EXTENSIONS

from models.errors import UserError
from trainables.config.trial import DataConfig
from trainables.data.base import DataInfo, DatasetKind, Files, Part
from trainables.data.sets.fetching import search_folders

DEFAULT_SIZE = 224
VALIDATION_FOLDERS = ("val", "valid", "validation")
PART_FOLDERS = ("train", *VALIDATION_FOLDERS, "test")
ARCHIVES = (".tar", ".gz", ".tgz", ".zip")


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
    names = _folders(folder)
    if len(names) < 2:
        raise UserError(
            f"{folder} has {len(names)} class folders; expected at least two, one a class{_instead(folder)}",
            key="data.root",
        )
    return names


def _instead(folder: Path) -> str:
    """What lies there instead of class folders, where that is a well-known way to come without them."""
    files = [entry for entry in folder.iterdir() if entry.is_file()]
    images = sum(entry.suffix.lower() in IMG_EXTENSIONS for entry in files)
    archives = sum(entry.suffix.lower() in ARCHIVES for entry in files)
    if archives:
        return f" (archives there: {archives:,}; unpack each into a folder of its name)"
    if images:
        return f" (images without a class there: {images:,}; sort them into a folder for each class)"
    return ""


def _folders(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def read(config: DataConfig, place: Path) -> Files:
    names = class_names(place / "train")
    val = _validation_folder(place)
    named: dict[Part, str] = {"train": "train/"}
    val_files = test_files = None
    if val is not None:
        val_files, named["val"] = _part(val, names), f"{val.name}/"
    if (place / "test").is_dir():
        test_files, named["test"] = _part(place / "test", names), "test/"
    elif val is not None and config.test_fraction is None and config.folds is None:
        named["test"] = f"{named.pop('val')}, there being no test/"
        val_files, test_files = None, val_files
    train = _files(place / "train", names)
    return Files(place, names, named, train, val_files, test_files, _unread(place, names))


def _validation_folder(place: Path) -> Path | None:
    found = [place / name for name in VALIDATION_FOLDERS if (place / name).is_dir()]
    if len(found) > 1:
        raise UserError(
            f"{place} has {' and '.join(f'{folder.name}/' for folder in found)}; expected one folder of validation images",
            key="data.root",
        )
    return found[0] if found else None


def _unread(place: Path, names: list[str]) -> tuple[str, ...]:
    """A warning for folders beside train/ that hold its classes under a name that means nothing here."""
    others = [other for other in _folders(place) if other not in PART_FOLDERS]
    unread = [f"{other}/" for other in others if set(_folders(place / other)) & set(names)]
    if not unread:
        return ()
    return (
        f"folders not read: {place} has {', '.join(unread)} with classes of train/; name the parts train/, val/ and test/",
    )


def _part(folder: Path, names: list[str]) -> list[tuple[Path, int]]:
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
