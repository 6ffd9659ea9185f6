"""A folder of images: which of its parts is which, how that is told, and that splits made before are made still."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from models.errors import UserError
from tests.trainables.data.made_data import make_data, write_images
from trainables.config.trial import DataConfig
from trainables.data import Data, load_data

CLASSES = ["ant", "bee", "cow"]


def folder(root: Path, **parts: int) -> Path:
    """Each part with so many images of each of three classes."""
    for part, count in parts.items():
        write_images(root / part, CLASSES, count, seed=count)
    return root


def load(root: Path, **values: object) -> Data:
    config = {"name": "image_folder", "root": root, "image_size": 16, "workers": 0, **values}
    return load_data(DataConfig.model_validate(config), torch.device("cpu"))


@pytest.mark.parametrize("name", ["val", "valid", "validation"])
def test_a_validation_folder_without_a_test_folder_is_the_test(name: str, tmp_path: Path) -> None:
    data = load(folder(tmp_path, train=20, **{name: 8}))
    assert data.sizes == {"train": 54, "val": 6, "test": 24}
    assert data.splits == {
        "train": "the rest of train/",
        "val": "held out of train/ by data.val_fraction: 0.1",
        "test": f"{name}/, there being no test/",
    }


def test_with_a_test_fraction_the_validation_folder_stays_what_it_is_called(tmp_path: Path) -> None:
    root = folder(tmp_path, train=20, val=8)
    data = load(root, test_fraction=0.2)
    assert data.sizes == {"train": 48, "val": 24, "test": 12}
    assert data.splits["val"] == "val/"
    assert data.splits["test"] == "held out of train/ by data.test_fraction: 0.2"
    whole = load(root, test_fraction=0)
    assert whole.sizes == {"train": 60, "val": 24, "test": 0}
    assert whole.splits == {"train": "train/", "val": "val/", "test": "none, by data.test_fraction: 0"}
    assert list(whole.eval_batches("test", 8)) == []


def test_three_folders_are_three_parts(tmp_path: Path) -> None:
    data = load(folder(tmp_path, train=20, valid=8, test=4), train_limit=30)
    assert data.sizes == {"train": 30, "val": 24, "test": 12}
    assert data.splits == {"train": "train/, cut by data.train_limit: 30", "val": "valid/", "test": "test/"}


def test_two_validation_folders_are_one_too_many(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has val/ and valid/"):
        load(folder(tmp_path, train=5, val=2, valid=2))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ILSVRC2012_val_00000001.JPEG", "images without a class there: 1; sort them"),
        ("n01440764.tar", "archives there: 1; unpack"),
    ],
)
def test_a_part_without_class_folders_says_what_lies_there(name: str, message: str, tmp_path: Path) -> None:
    root = folder(tmp_path, train=5)
    (root / "val").mkdir()
    (root / "val" / name).write_bytes(b"x")
    with pytest.raises(UserError, match=f"has no class folders; expected at least two, one a class .*{message}"):
        load(root)


def test_a_test_fraction_is_refused_where_there_is_a_test_split(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match=r"data\.test_fraction: found 0\.2, but image_folder has a test split"):
        load(folder(tmp_path, train=5, test=2), test_fraction=0.2)
    config = make_data("fashion_mnist", tmp_path / "fashion", monkeypatch)
    with pytest.raises(UserError, match=r"data\.test_fraction"):
        load_data(config.model_copy(update={"test_fraction": 0.1}), torch.device("cpu"))


def test_digits_take_a_test_fraction() -> None:
    cpu = torch.device("cpu")
    assert load_data(DataConfig(name="digits"), cpu).sizes["test"] == 359
    half = load_data(DataConfig(name="digits", test_fraction=0.5), cpu)
    assert half.sizes["test"] == 898
    none = load_data(DataConfig(name="digits", test_fraction=0), cpu)
    assert none.sizes == {"train": 1617, "val": 180, "test": 0}
    assert none.splits["test"] == "none, by data.test_fraction: 0"


DIGESTS_OF_0_1_0: dict[str, tuple[str, dict[str, float]]] = {
    "train": ("f9b2048b970c", {}),
    "train test": ("19ac8d14cdd4", {}),
    "train val test": ("480f48d99638", {}),
    "train val": ("29bff44d9497", {"test_fraction": 0.2}),
}
"""Parts → the digest that 0.1.0 gave them, and what gives it now."""


@pytest.mark.parametrize("parts", list(DIGESTS_OF_0_1_0))
def test_splits_that_were_right_are_made_still(parts: str, tmp_path: Path) -> None:
    digest, values = DIGESTS_OF_0_1_0[parts]
    for part in parts.split():
        write_plain(tmp_path / part)
    assert load(tmp_path, **values).digest[:12] == digest


def write_plain(part: Path) -> None:
    """Files of a known size; a digest knows them by name and size."""
    for name in CLASSES:
        (part / name).mkdir(parents=True)
        for number in range(20 if part.name == "train" else 5):
            (part / name / f"{number}.png").write_bytes(b"x" * (number + 1))
