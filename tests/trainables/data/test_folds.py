"""K-fold splits of data without a test split of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from models.errors import UserError
from tests.trainables.data.made_data import write_images
from trainables.config.trial import DataConfig
from trainables.data import Data, load_data
from trainables.data.splits import fold_of

CPU = torch.device("cpu")
LABELS = st.lists(st.integers(0, 5), min_size=8, max_size=200).map(np.asarray)


@given(labels=LABELS, folds=st.integers(2, 8), seed=st.integers(0, 2**63 - 1))
def test_every_image_is_in_one_fold_and_folds_are_alike(labels: np.ndarray, folds: int, seed: int) -> None:
    splits = [fold_of(labels, folds, fold, seed) for fold in range(1, folds + 1)]
    held = [out.tolist() for _, out in splits]
    assert sorted(index for out in held for index in out) == list(range(len(labels)))
    assert all(sorted([*rest, *out]) == list(range(len(labels))) for rest, out in splits)
    for chosen in (labels >= 0, *(labels == name for name in np.unique(labels))):
        sizes = [int(chosen[out].sum()) for out in held]
        assert max(sizes) - min(sizes) <= 1


def test_folds_are_the_same_for_ever() -> None:
    """Written down, so that a change that would move every published split is seen."""
    assert fold_of(np.arange(20) % 2, 5, 2, 0)[1].tolist() == [1, 9, 14, 16]


def test_more_folds_than_images_are_refused() -> None:
    with pytest.raises(UserError, match=r"data\.folds: found 5, but there are 4 images"):
        fold_of(np.zeros(4), 5, 1, 0)


def folder(root: Path, **parts: int) -> Path:
    for part, count in parts.items():
        write_images(root / part, ["ant", "bee"], count, seed=count)
    return root


def load(root: Path, **values: object) -> Data:
    config = {"name": "image_folder", "root": root, "image_size": 16, "workers": 0, **values}
    return load_data(DataConfig.model_validate(config), CPU)


def images_of_test(data: Data) -> set[bytes]:
    return {image.numpy().tobytes() for images, _ in data.eval_batches("test", 16) for image in images}


def test_the_folds_of_a_folder_share_no_test_image_and_cover_it(tmp_path: Path) -> None:
    root = folder(tmp_path, train=10)
    parts = [load(root, folds=4, fold=fold).normalised((0.5,), (0.5,)) for fold in range(1, 5)]
    assert [data.sizes for data in parts] == [{"train": 13, "val": 2, "test": 5}] * 4
    assert parts[2].splits == {
        "train": "the rest of train/",
        "val": "held out of train/ by data.val_fraction: 0.1",
        "test": "fold 3 of 4 of train/, by data.folds and data.fold",
    }
    seen = [images_of_test(data) for data in parts]
    assert len(set.union(*seen)) == sum(map(len, seen)) == 20
    assert len({data.digest for data in parts}) == 4


def test_a_validation_folder_stays_what_it_is_beside_folds(tmp_path: Path) -> None:
    data = load(folder(tmp_path, train=10, val=4), folds=2, fold=2)
    assert data.sizes == {"train": 10, "val": 8, "test": 10}
    assert data.splits["val"] == "val/"


def test_digits_have_folds_too() -> None:
    data = [load_data(DataConfig(name="digits", folds=3, fold=fold), CPU) for fold in (1, 2, 3)]
    assert [one.sizes["test"] for one in data] == [599, 599, 599]
    assert data[0].splits["test"] == "fold 1 of 3 of the set's images, by data.folds and data.fold"
    assert len({one.digest for one in data}) == 3


def test_folds_are_refused_where_there_is_a_test_split(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"data\.folds: found 4, but image_folder has a test split of its own"):
        load(folder(tmp_path, train=10, test=4), folds=4)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": "digits", "fold": 2}, r"fold: found 2, but there are no folds; say data\.folds, how many"),
        ({"name": "digits", "folds": 3, "fold": 4}, "found 4, but digits has folds 1 to 3"),
        ({"name": "dtd", "fold": 11}, "found 11, but dtd has folds 1 to 10"),
        ({"name": "dtd", "folds": 5}, "found 5, but dtd has ten published folds"),
        ({"name": "cifar10", "folds": 5}, "found 5, but cifar10 has a test split of its own"),
        ({"name": "digits", "folds": 5, "test_fraction": 0.2}, "leave one of the two out"),
    ],
)
def test_what_makes_no_folds_is_a_mistake(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        DataConfig.model_validate(values)
