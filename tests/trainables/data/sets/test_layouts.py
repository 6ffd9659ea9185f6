"""Every way in which images may lie in a folder: the same images and classes are found, and their splits keep apart."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch

from models.errors import UserError
from tests.trainables.data.made_data import write_images
from trainables.config.trial import DataConfig
from trainables.data import describe_data, load_data
from trainables.data.loader import LoaderData
from trainables.data.sets.folder_layout import find_layout

CLASSES = ["ant", "bee", "cow"]
PER_CLASS = 20
pytestmark = pytest.mark.usefixtures("own_data_folder")


def load(root: Path, **values: object) -> LoaderData:
    config = DataConfig.model_validate({"name": "image_folder", "root": root, "image_size": 16, "workers": 0, **values})
    data = load_data(config, torch.device("cpu"))
    assert isinstance(data, LoaderData)
    assert describe_data(config) == data.info
    return data


def dealt(root: Path, *shares: tuple[str, range]) -> Path:
    """The flat folder's images of each class, by their numbers, into parts."""
    flat = root.parent / "all"
    write_images(flat, CLASSES, PER_CLASS)
    for part, numbers in shares:
        for name in CLASSES:
            (root / part / name).mkdir(parents=True)
            for number in numbers:
                file = Path(name) / f"{name}_{number:03d}.png"
                shutil.copy(flat / file, root / part / file)
    shutil.rmtree(flat)
    return root


def zipped(folder: Path, prefix: str = "") -> Path:
    archive = folder.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w") as opened:
        for path in sorted(folder.rglob("*.png")):
            opened.write(path, f"{prefix}{path.relative_to(folder)}")
            opened.writestr(f"__MACOSX/{prefix}{path.relative_to(folder).parent}/._{path.name}", b"x")
    return archive


ALL, MOST, SOME, FEW = range(20), range(12), range(12, 16), range(16, 20)
LAYOUTS: dict[str, Callable[[Path], Path]] = {
    "flat": lambda root: dealt(root, (".", ALL)),
    "flat within a folder": lambda root: dealt(root / "inner", (".", ALL)).parent,
    "train": lambda root: dealt(root, ("train", ALL)),
    "train val": lambda root: dealt(root, ("train", MOST), ("val", range(12, 20))),
    "train valid test": lambda root: dealt(root, ("train", MOST), ("valid", SOME), ("test", FEW)),
    "train validation test": lambda root: dealt(root, ("train", MOST), ("validation", SOME), ("test", FEW)),
    "train test": lambda root: dealt(root, ("train", range(16)), ("test", FEW)),
    "zip of flat": lambda root: zipped(dealt(root, (".", ALL))),
    "zip of a folder of parts": lambda root: zipped(
        dealt(root, ("train", MOST), ("val", SOME), ("test", FEW)), "my pets/"
    ),
}


def files_of(data: LoaderData) -> dict[str, set[tuple[str, int]]]:
    """Part → (file's name, label), wherever the part lies."""
    return {part: {(path.name, label) for path, label in files} for part, files in data.parts.items()}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_images_each_in_one_split(layout: str, tmp_path: Path) -> None:
    root = LAYOUTS[layout](tmp_path / "pets")
    data = load(root)
    files = files_of(data)
    together = [one for part in files.values() for one in part]
    assert sorted(together) == [(f"{name}_{n:03d}.png", label) for label, name in enumerate(CLASSES) for n in ALL]
    assert all({label for _, label in part} == {0, 1, 2} for part in files.values()), "stratified"
    again, other = files_of(load(root)), files_of(load(root, split_seed=1))
    assert again == files
    assert (other == files) is ("valid" in layout or "parts" in layout), "what is split is split by the seed"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_is_told_of_a_layout_is_what_is_loaded(layout: str, tmp_path: Path) -> None:
    data = load(LAYOUTS[layout](tmp_path / "pets"))
    facts = data.facts()
    assert list(facts.counts["train"]) == CLASSES
    assert {part: sum(counts.values()) for part, counts in facts.counts.items()} == data.sizes
    assert facts.images == 60
    assert facts.files.looked_at == 60
    parts = layout.replace("zip of a folder of parts", "train val test").split()
    expected = "CLASS, not in parts" if "flat" in layout else ", ".join(f"{part}/CLASS" for part in parts)
    assert facts.layout == expected + (", out of pets.zip" if "zip" in layout else "")


def test_a_flat_folder_says_what_its_splits_are_held_out_of(tmp_path: Path) -> None:
    root = LAYOUTS["flat"](tmp_path / "pets")
    data = load(root)
    assert data.sizes == {"train": 43, "val": 5, "test": 12}
    assert data.splits == {
        "train": "the rest of all images",
        "val": "held out of all images by data.val_fraction: 0.1",
        "test": "held out of all images by data.test_fraction: 0.2",
    }
    assert load(root, folds=5).sizes["test"] == 12
    assert load(root, test_fraction=0).sizes["test"] == 0


def test_a_flat_folder_is_split_as_the_same_images_in_train(tmp_path: Path) -> None:
    flat, train = LAYOUTS["flat"](tmp_path / "a" / "pets"), LAYOUTS["train"](tmp_path / "b" / "pets")
    assert files_of(load(flat)) == files_of(load(train))


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["training", "testing"], "has testing/, training/ and no train/; name the parts"),
        (["cats", "test"], "has test/ and no train/"),
        (["2023", "2024"], "all hold the folders ant, bee, cow, so these look like parts"),
        (["cats"], "has 1 class folder; expected at least two"),
    ],
)
def test_what_looks_like_parts_is_not_taken_for_classes(names: list[str], told: str, tmp_path: Path) -> None:
    for name in names:
        if told.startswith("has") and name not in ("training", "testing"):
            write_images(tmp_path / "pets", [name], 2)
        else:
            write_images(tmp_path / "pets" / name, CLASSES, 2)
    with pytest.raises(UserError, match=told):
        load(tmp_path / "pets")


KAGGLE = {
    "Intel's scenes": ("seg_train/seg_train/{}/1.png", "seg_test/seg_test/{}/1.png", "seg_pred/seg_pred/1.png"),
    "wrapped sets": ("training_set/training_set/{}/1.png", "test_set/test_set/{}/1.png"),
    "signs": ("asl_train/{}/1.png", "asl_test/1.png"),
    "years": ("train2017/{}/1.png", "val2017/{}/1.png"),
    "in capitals": ("Training Data/{}/1.png", "Validation Data/{}/1.png"),
    "wrapped, by other names": ("2023/2023/{}/1.png", "2024/2024/{}/1.png"),
    "classes in parts": (
        "cats/train/1.png",
        "cats/test/1.png",
        "dogs/train/1.png",
        "dogs/test/1.png",
        "dogs/val/1.png",
    ),
    "classes in one part": ("cats/train/1.png", "dogs/train/1.png"),
}
CLASSES_AFTER_ALL = {
    "a word of a part": ("train_station/1.png", "test_tube/1.png", "evaluation_board/1.png"),
    "a subclass": ("vehicles/train/1.png", "vehicles/car/1.png", "animals/cat/1.png"),
    "a folder in each": ("n01/images/1.png", "n02/images/1.png"),
    "folders without images": ("cat/1.png", "dog/1.png", "boxes_train/1.csv", "boxes_test/1.csv"),
}


def made(root: Path, files: Sequence[str]) -> Path:
    for file in {file.format(name) for file in files for name in CLASSES}:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()
    return root


@pytest.mark.parametrize("layout", KAGGLE)
def test_parts_by_other_names_are_refused(layout: str, tmp_path: Path) -> None:
    expected = (
        "make it train/CLASS" if "classes in" in layout else "name them train/, val/ and test/, each with its classes"
    )
    with pytest.raises(UserError, match=expected):
        find_layout(made(tmp_path / "pets", KAGGLE[layout]))


@pytest.mark.parametrize("layout", CLASSES_AFTER_ALL)
def test_classes_with_a_part_s_word_are_taken(layout: str, tmp_path: Path) -> None:
    files = CLASSES_AFTER_ALL[layout]
    found = find_layout(made(tmp_path / "pets", files))
    assert found is not None
    assert set(found.classes) == {file.split("/")[0] for file in files if file.endswith(".png")}


def test_images_without_classes_are_said_to_be_so(tmp_path: Path) -> None:
    write_images(tmp_path, ["pets"], 2)
    with pytest.raises(UserError, match="images without a class there: 2; sort them into a folder for each class"):
        load(tmp_path / "pets")


def test_folders_that_are_left_out_are_told(tmp_path: Path) -> None:
    root = LAYOUTS["flat"](tmp_path / "pets")
    (root / "notes").mkdir()
    assert any("folders without images" in line and "notes/" in line for line in load(root).warnings())
    train = LAYOUTS["train val"](tmp_path / "b" / "pets") / "train"
    assert any("folders not read: val/ beside" in line for line in load(train).warnings())
