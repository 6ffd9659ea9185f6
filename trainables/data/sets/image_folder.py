"""Any images in folders: `train/CLASS/image`, and with the same classes `val/` (`valid/`, `validation/`) and `test/`, if any;
or `CLASS/image` alone, of which validation and test are held out; or a `.zip` of one of these.

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
from trainables.data.sets.folder_layout import (
    EXPECTED,
    PART_FOLDERS,
    Layout,
    find_layout,
    folders,
    images_below,
    what_lies_there,
)

DEFAULT_SIZE = 224
FLAT = "all images"
"""What a flat layout's splits are held out of, in words."""


def find(config: DataConfig) -> Path | None:
    """The folder that holds the parts or classes; of a `.zip` the one that it is unpacked into.

    The root has to be said: a default place would make any two sets of images one.
    """
    layout = _layout(config)
    if layout is None and (there := _lies_there(config)):
        raise _nothing(config, there)
    return None if layout is None else layout.place


def _lies_there(config: DataConfig) -> str:
    root = None if config.root is None else config.root.expanduser()
    return what_lies_there(root) if root is not None and root.is_dir() else ""


def _nothing(config: DataConfig, there: str = "") -> UserError:
    where = "not given" if config.root is None else str(config.root)
    return UserError(
        f"{where}; image_folder expects a folder, or a .zip of one, holding {EXPECTED}{there}; point it there",
        key="data.root",
    )


def _layout(config: DataConfig) -> Layout | None:
    if config.root is None:
        return None
    return next(filter(None, map(find_layout, search_folders(config))), None)


def info(config: DataConfig) -> DataInfo:
    layout = _layout(config)
    if layout is None:
        raise _nothing(config, _lies_there(config))
    return DataInfo("image_folder", len(_classes(layout)), 3, config.image_size or DEFAULT_SIZE)


def _classes(layout: Layout) -> list[str]:
    if not layout.is_flat:
        return class_names(layout.train)
    return _at_least_two(layout.place, list(layout.classes))


def class_names(folder: Path) -> list[str]:
    """The class folders in alphabetical order; hidden ones are no classes."""
    return _at_least_two(folder, folders(folder))


def _at_least_two(folder: Path, names: list[str]) -> list[str]:
    if len(names) < 2:
        found = "1 class folder" if names else "no class folders"
        raise UserError(
            f"{folder} has {found}; expected at least two, one a class{what_lies_there(folder)}", key="data.root"
        )
    return names


def read(config: DataConfig, place: Path) -> Files:
    layout = find_layout(place)
    if layout is None:
        raise UserError(f"{place} has no images any more; put them back", key="data.root")
    names = _classes(layout)
    train, told = _files(layout.train, names), _layout_text(config, layout)
    if layout.is_flat:
        return Files(place, names, {"train": FLAT}, train, None, None, _not_taken(layout), told)
    named: dict[Part, str] = {"train": "train/"}
    val_files = test_files = None
    if layout.val is not None:
        val_files, named["val"] = _part(layout.val, names), f"{layout.val.name}/"
    if layout.test is not None:
        test_files, named["test"] = _part(layout.test, names), "test/"
    elif layout.val is not None and config.test_fraction is None and config.folds is None:
        named["test"] = f"{named.pop('val')}, there being no test/"
        val_files, test_files = None, val_files
    return Files(place, names, named, train, val_files, test_files, _unread(place, names), told)


def _layout_text(config: DataConfig, layout: Layout) -> str:
    """`place` is all that `read` is given, so an archive is told by the root."""
    root = config.root
    archive = root if root is not None and root.suffix.lower() == ".zip" else None
    return layout.text() if archive is None else f"{layout.text()}, out of {archive.name}"


def _not_taken(layout: Layout) -> tuple[str, ...]:
    """Warnings about folders within, and about parts beside a `train/` that was pointed to by itself."""
    place, told = layout.place, []
    if layout.without_images:
        named = ", ".join(f"{name}/" for name in layout.without_images)
        told.append(f"folders without images: {place} has {named}, which are not taken for classes")
    beside = [name for name in PART_FOLDERS[1:] if place.name == "train" and (place.parent / name).is_dir()]
    if beside:
        named = ", ".join(f"{name}/" for name in beside)
        told.append(
            f"folders not read: {named} beside {place}; point data.root to {place.parent} to have them read too"
        )
    return tuple(told)


def _unread(place: Path, names: list[str]) -> tuple[str, ...]:
    """A warning for folders beside train/ that hold its classes under a name that means nothing here."""
    others = [other for other in folders(place) if other not in PART_FOLDERS]
    unread = [f"{other}/" for other in others if set(folders(place / other)) & set(names)]
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
    """Every image below each class folder, sorted by name."""
    files = []
    for label, name in enumerate(names):
        below = sorted(images_below(folder / name))
        if not below and folder.name == "train":
            raise UserError(
                f"{folder / name} holds no image; expected one of {', '.join(IMG_EXTENSIONS)}", key="data.root"
            )
        files += [(path, label) for path in below]
    return files


IMAGE_FOLDER = DatasetKind(
    info=info,
    find=find,
    expected=f"a folder, or a .zip of one, holding {EXPECTED}",
    download=None,
    read=read,
    of_files=True,
)
