"""Several processes together take of every batch each image once, and mix the pairs that one process would."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from trainables.config.augment import AugmentConfig
from trainables.config.trial import DataConfig
from trainables.data import Data, load_data
from trainables.data.augmentation.mixing import make_mix
from trainables.data.shares import Share

CPU = torch.device("cpu")
counts, batches = st.integers(2, 9), st.integers(2, 70)


def shares(processes: int) -> list[Share]:
    return [Share(rank, processes) for rank in range(processes)]


@given(processes=counts, images=batches)
def test_every_image_of_a_batch_is_taken_once_or_all_by_all(processes: int, images: int) -> None:
    taken = [share.rows(images).tolist() for share in shares(processes)]
    if images < 2 * processes:
        assert taken == [list(range(images))] * processes
        return
    assert sorted(row for rows in taken for row in rows) == list(range(images))
    assert min(len(rows) for rows in taken) >= 2
    assert max(len(rows) for rows in taken) - min(len(rows) for rows in taken) <= 3


@given(processes=counts, images=batches)
def test_a_mirror_image_stays_one_within_a_share(processes: int, images: int) -> None:
    last = images - images % 2 - 1
    for share in shares(processes):
        rows = share.rows(images).tolist()
        even = len(rows) - len(rows) % 2
        assert all(rows[place] + rows[even - 1 - place] == last for place in range(even))
        assert rows[even:] in ([], [images - 1])


@given(processes=counts, images=batches)
def test_the_mean_of_weighted_means_is_the_batchs(processes: int, images: int) -> None:
    values = torch.arange(images, dtype=torch.float64).square()
    means = []
    for share in shares(processes):
        own = values[share.rows(images)]
        means.append(share.weight(len(own), images) * own.mean())
    assert float(torch.stack(means).mean()) == pytest.approx(float(values.mean()))


@given(processes=counts, images=st.integers(0, 70))
def test_an_evaluation_sees_every_image_once_in_order(processes: int, images: int) -> None:
    assert [one for share in shares(processes) for one in share.block(images)] == list(range(images))


@pytest.mark.parametrize("alphas", [(0.4, 0.0), (0.0, 1.0), (0.4, 1.0)])
def test_mixing_shares_is_sharing_what_is_mixed(alphas: tuple[float, float]) -> None:
    images, labels = torch.rand(23, 3, 8, 8), torch.arange(23) % 5
    mix = make_mix(*alphas, num_classes=5)
    assert mix is not None
    for seed in range(10):
        np.random.seed(seed)
        mixed, targets = mix(images, labels)
        for share in shares(3):
            rows = share.rows(len(images))
            np.random.seed(seed)
            own, own_targets = mix(images[rows], labels[rows])
            kept = rows[: len(own)]
            assert torch.equal(own, mixed[kept])
            assert torch.equal(own_targets, targets[kept])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """27 images for training, 6 for testing, of two classes."""
    root = tmp_path_factory.mktemp("images")
    chance = np.random.default_rng(0)
    for part, count in (("train", 27), ("val", 6)):
        for number in range(count):
            place = root / part / f"class{number % 2}"
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(chance.integers(0, 255, (12, 12, 3), dtype=np.uint8)).save(place / f"{number}.png")
    return root


AUGMENT = AugmentConfig(crop_padding=2, flip=True, rand_augment="rand-m9-n2")


@pytest.fixture(params=["digits", "image_folder"])
def data(request: pytest.FixtureRequest, folder: Path) -> Data:
    if request.param == "digits":
        return load_data(DataConfig(name="digits", train_limit=27, augment=AUGMENT), CPU)
    return load_data(DataConfig(name="image_folder", root=folder, image_size=8, augment=AUGMENT, workers=0), CPU)


@pytest.mark.parametrize("processes", [2, 3])
def test_shares_of_batches_are_rows_of_the_batches(data: Data, processes: int) -> None:
    whole = list(data.train_batches(8, seed=5))
    assert sum(len(labels) for _, labels in whole) == data.sizes["train"]
    for share in shares(processes):
        own = list(data.train_batches(8, seed=5, share=share))
        later = list(data.train_batches(8, seed=5, first=1, share=share))
        assert len(own) == len(whole) == len(later) + 1
        for (images, labels), (own_images, own_labels) in zip(whole, own, strict=True):
            rows = share.rows(len(labels))
            assert torch.equal(own_images, images[rows])
            assert torch.equal(own_labels, labels[rows])
        assert all(torch.equal(one[0], other[0]) for one, other in zip(own[1:], later, strict=True))


@pytest.mark.parametrize("processes", [2, 5])
def test_shares_of_an_evaluation_are_the_evaluation(data: Data, processes: int) -> None:
    whole = torch.cat([images for images, _ in data.eval_batches("val", 4)])
    parts = [images for share in shares(processes) for images, _ in data.eval_batches("val", 4, share)]
    assert torch.equal(torch.cat(parts), whole)
