"""How images lie in a folder: in parts `train/CLASS/`, with or without others beside it, or flat, `CLASS/` alone.

Folders around all of that, as archives have them, are looked through. A `.zip` file is unpacked first.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torchvision.datasets.folder import IMG_EXTENSIONS

from models.errors import UserError
from trainables.data.sets.zip_archive import is_zip, unpacked

VALIDATION_FOLDERS = ("val", "valid", "validation")
PART_FOLDERS = ("train", *VALIDATION_FOLDERS, "test")
LIKE_PARTS = frozenset({*PART_FOLDERS, "training", "testing", "tests", "evaluation", "eval", "dev", "holdout"})
"""Names, in lower case, that are those of parts and of no classes."""
WITHIN_NAMES = LIKE_PARTS | {"pred", "prediction"}
"""What makes parts of names that have all else in common: `seg_train`, `seg_test`, `seg_pred`; `training_set`, `test_set`."""
ARCHIVES = (".tar", ".gz", ".tgz", ".zip")
EXPECTED = "train/CLASS/image files, with or without val/ and test/, or CLASS/image files alone"


@dataclass(frozen=True)
class Layout:
    """Where the images of a folder are. `place` holds the parts, or of a flat layout, which has no parts, the classes.

    `classes` are the flat layout's; those of parts are the folders in `train`, which may be none yet.
    """

    place: Path
    train: Path
    val: Path | None = None
    test: Path | None = None
    classes: tuple[str, ...] = ()
    without_images: tuple[str, ...] = ()
    """Folders beside a flat layout's classes that hold no image."""

    @property
    def is_flat(self) -> bool:
        return self.train == self.place

    def text(self) -> str:
        """`train/CLASS, val/CLASS`, or of a flat one `CLASS, not in parts`."""
        if self.is_flat:
            return "CLASS, not in parts"
        return ", ".join(f"{part.name}/CLASS" for part in (self.train, self.val, self.test) if part is not None)


def find_layout(root: Path) -> Layout | None:
    """The layout of a folder or of a `.zip` file; None where there is neither a `train/` nor a class folder with images.

    Raises:
        UserError: what is there could be taken for classes and is none: parts by other names, or the same folders in each.
    """
    folder = unpacked(root) if is_zip(root) else root
    if not folder.is_dir():
        return None
    place = _within_wrapping(folder)
    if (place / "train").is_dir():
        test = place / "test"
        return Layout(place, place / "train", _validation_folder(place), test if test.is_dir() else None)
    classes = _flat_classes(place)
    if not classes:
        return None
    others = tuple(name for name in folders(place) if name not in classes)
    return Layout(place, place, classes=classes, without_images=others)


def folders(folder: Path) -> list[str]:
    """Names of the folders within, in alphabetical order; hidden ones, and what macOS adds to archives, are left out."""
    with os.scandir(folder) as entries:
        found = [entry.name for entry in entries if entry.is_dir()]
    return sorted(name for name in found if not name.startswith(".") and name != "__MACOSX")


def images_below(folder: Path) -> Iterator[Path]:
    """Every image file below, in no order; formats by torchvision's list of extensions."""
    return (path for path in folder.rglob("*") if path.suffix.lower() in IMG_EXTENSIONS)


def what_lies_there(folder: Path) -> str:
    """What is there instead of class folders, where that is a well-known way to come without them, in brackets."""
    files = [entry for entry in folder.iterdir() if entry.is_file()]
    images = sum(entry.suffix.lower() in IMG_EXTENSIONS for entry in files)
    archives = sum(entry.suffix.lower() in ARCHIVES for entry in files)
    if archives:
        return f" (archives there: {archives:,}; unpack each into a folder of its name)"
    if images:
        return f" (images without a class there: {images:,}; sort them into a folder for each class)"
    return ""


def _within_wrapping(folder: Path) -> Path:
    """The folder itself, or while one folder is all there is in it, and has folders of its own, that one."""
    while len(inner := folders(folder)) == 1 and inner[0] != "train" and folders(folder / inner[0]):
        folder = folder / inner[0]
    return folder


def _flat_classes(place: Path) -> tuple[str, ...]:
    names = folders(place)
    with_images = tuple(name for name in names if next(images_below(place / name), None) is not None)
    parts = [name for name in names if name.lower() in LIKE_PARTS]
    if with_images and parts:
        raise UserError(
            f"{place} has {', '.join(f'{name}/' for name in parts)} and no train/; name the parts train/, val/ and test/, or, "
            "where these are classes, give them other names",
            key="data.root",
        )
    _check_not_named_as_parts(place, with_images)
    unwrapped = {name: _within_wrapping(place / name) for name in with_images}
    within = {name: folders(folder) for name, folder in unwrapped.items()}
    _check_no_parts_within(place, within)
    _check_not_the_same_folders(place, unwrapped, within)
    return with_images


def _check_not_named_as_parts(place: Path, names: Sequence[str]) -> None:
    """UserError where names differ in a part's word alone. One by itself is none: `train_station`, `test_tube` are classes."""
    alike: dict[str, list[str]] = {}
    for name in names:
        lower = name.lower()
        for rest in {lower.replace(word, "", 1) for word in WITHIN_NAMES if word in lower}:
            alike.setdefault(rest, []).append(name)
    parts = next((found for found in alike.values() if len(found) > 1), None)
    if parts is not None:
        raise _no_classes(
            place, f"has {', '.join(f'{name}/' for name in parts)}, whose names differ as those of parts do"
        )


def _check_no_parts_within(place: Path, within: Mapping[str, Sequence[str]]) -> None:
    """UserError where a folder holds several parts, or all hold nothing else: each class is in parts of its own. One alone is
    none: `vehicles/train` beside `animals/cat` are subclasses."""
    parts = {name: [one for one in inner if one.lower() in LIKE_PARTS] for name, inner in within.items()}
    several = next((name for name, found in parts.items() if len(found) > 1), None)
    all_alike = all(found and len(found) == len(within[name]) for name, found in parts.items())
    if several is None and not (all_alike and parts):
        return
    name = several or next(iter(parts))
    raise UserError(
        f"{place} has {', '.join(f'{name}/{part}' for part in parts[name])}: each class is divided into parts, where each part "
        "is expected to hold the classes; make it train/CLASS, val/CLASS and test/CLASS",
        key="data.root",
    )


def _check_not_the_same_folders(
    place: Path, unwrapped: Mapping[str, Path], within: Mapping[str, Sequence[str]]
) -> None:
    """UserError where every folder holds the same folders and no image of its own: those are the classes, as it looks."""
    if len(within) < 2:
        return
    first, *others = within.values()
    if len(first) < 2 or any(other != first for other in others):
        return
    if any(entry.suffix.lower() in IMG_EXTENSIONS for folder in unwrapped.values() for entry in folder.iterdir()):
        return
    names = ", ".join(list(within)[:3])
    raise _no_classes(place, f"has {len(within)} folders ({names}) that all hold the folders {', '.join(first[:3])}")


def _no_classes(place: Path, told: str) -> UserError:
    return UserError(
        f"{place} {told}, so these look like parts and not like classes; name them train/, val/ and test/, each with its "
        "classes in it, or, where they are classes, put them into a folder train/",
        key="data.root",
    )


def _validation_folder(place: Path) -> Path | None:
    found = [place / name for name in VALIDATION_FOLDERS if (place / name).is_dir()]
    if len(found) > 1:
        raise UserError(
            f"{place} has {' and '.join(f'{folder.name}/' for folder in found)}; expected one folder of validation images",
            key="data.root",
        )
    return found[0] if found else None
