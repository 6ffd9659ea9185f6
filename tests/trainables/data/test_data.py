"""What every kind of data promises to a trial, on tiny sets in the real layouts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from sklearn.datasets import load_digits

from tests.trainables.data.made_data import make_data
from trainables.config.augment import AugmentConfig
from trainables.config.trial import DataConfig
from trainables.data import KINDS, Batch, Data, check_available, describe_data, load_data
from trainables.seeds import seed_everything

CPU = torch.device("cpu")
AUGMENT = {"crop_padding": 2, "flip": True, "rand_augment": "rand-m9-mstd0.5-inc1"}


@pytest.fixture(params=sorted(KINDS))
def config(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataConfig:
    return make_data(request.param, tmp_path, monkeypatch)


def changed(config: DataConfig, **values: object) -> DataConfig:
    return DataConfig.model_validate({**config.model_dump(), **values})


def same(left: Iterator[Batch] | list[Batch], right: Iterator[Batch] | list[Batch]) -> bool:
    pairs = list(zip(left, right, strict=True))
    return all(torch.equal(a, c) and torch.equal(b, d) for (a, b), (c, d) in pairs)


def pixels(data: Data, part: str) -> list[bytes]:
    return [image.numpy().tobytes() for images, _ in data.eval_batches(part, 16) for image in images]


def test_batches_are_what_the_network_is_told(config: DataConfig) -> None:
    check_available(config)
    data, info = load_data(config, CPU), describe_data(config)
    assert data.info == info
    for batches in (data.train_batches(8, seed=1), data.eval_batches("val", 8), data.eval_batches("test", 8)):
        images, labels = next(iter(batches))
        assert images.dtype == torch.float32
        assert images.shape[1:] == (info.in_chans, info.image_size, info.image_size)
        assert labels.dtype == torch.int64
        assert 0 <= labels.min() <= labels.max() < info.num_classes


def test_an_epoch_shows_every_training_image_once(config: DataConfig) -> None:
    data = load_data(config, CPU)
    seen = [label for _, labels in data.train_batches(8, seed=3) for label in labels.tolist()]
    stored = [label for _, labels in data.calibration_batches(8, images=10_000) for label in labels.tolist()]
    left_out = 1 if data.sizes["train"] % 8 == 1 else 0
    assert len(seen) == data.sizes["train"] - left_out
    assert len(stored) == data.sizes["train"]
    if not left_out:
        assert sorted(seen) == sorted(stored)
    assert data.steps_per_epoch(8) == len(list(data.train_batches(8, seed=3)))


def test_parts_are_disjoint_and_have_every_class(config: DataConfig) -> None:
    data = load_data(changed(config, val_fraction=0.2), CPU)
    train = {image.numpy().tobytes() for images, _ in data.calibration_batches(64, images=1000) for image in images}
    val, test = set(pixels(data, "val")), set(pixels(data, "test"))
    assert not train & val
    assert not train & test
    assert not val & test
    for part in ("val", "test"):
        labels = torch.cat([labels for _, labels in data.eval_batches(part, 64)])
        assert len(labels) == data.sizes[part]
        assert len(labels.unique()) == data.info.num_classes


def test_order_and_augmentation_depend_on_the_seed_alone(config: DataConfig) -> None:
    config = changed(config, augment=AUGMENT, train_limit=120)
    data = load_data(config, CPU)
    first = list(data.train_batches(8, seed=5))
    seed_everything(99)
    again = load_data(config, CPU)
    list(again.eval_batches("val", 16))
    assert same(first, again.train_batches(8, seed=5))
    assert not all(torch.equal(a, b) for (a, _), (b, _) in zip(first, data.train_batches(8, seed=6), strict=True))


@pytest.mark.parametrize("augment", [AUGMENT, {"flip": True}, {}])
def test_an_epoch_is_gone_on_with_from_any_batch(
    config: DataConfig, augment: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = load_data(changed(config, augment=augment, train_limit=47), CPU)
    # RandAugment is then done to three batches at a time.
    values = 5 * data.info.in_chans * data.info.image_size**2
    monkeypatch.setattr("trainables.data.augmentation.batches.SLAB", 2 * values + 1)
    whole = list(data.train_batches(5, seed=5))
    for first in range(data.steps_per_epoch(5)):
        assert same(whole[first:], data.train_batches(5, 5, first=first)), first


def test_augmentation_given_for_an_epoch_stands_in_place_of_the_datas_own(config: DataConfig) -> None:
    own = load_data(changed(config, augment=AUGMENT, train_limit=120), CPU)
    plain = load_data(changed(config, train_limit=120), CPU)
    assert same(plain.train_batches(8, 5, AugmentConfig.model_validate(AUGMENT)), own.train_batches(8, 5))
    assert same(own.train_batches(8, 5, AugmentConfig()), plain.train_batches(8, 5))
    assert not same(own.train_batches(8, 5), plain.train_batches(8, 5))


def test_loading_leaves_the_global_generators_alone(config: DataConfig) -> None:
    data = load_data(changed(config, augment=AUGMENT, train_limit=100), CPU)
    seed_everything(4)
    expected = torch.rand(3)
    seed_everything(4)
    list(data.train_batches(16, seed=0))
    data.calibration_batches(8, images=16)
    assert torch.equal(torch.rand(3), expected)


def test_evaluation_and_calibration_are_fixed(config: DataConfig) -> None:
    plain = load_data(config, CPU)
    augmented = load_data(changed(config, augment=AUGMENT), CPU).normalised(plain.mean, plain.std)
    assert same(plain.eval_batches("val", 8), augmented.eval_batches("val", 8))
    assert same(plain.calibration_batches(8, images=16), augmented.calibration_batches(8, images=16))
    assert len(plain.calibration_batches(8, images=16)) == 2


def test_normalisation_is_of_pixels_in_0_to_1(config: DataConfig) -> None:
    data = load_data(config, CPU)
    channels = data.info.in_chans
    raw = data.normalised([0.0] * channels, [1.0] * channels)
    (own, _), (plain, _) = next(iter(data.eval_batches("val", 8))), next(iter(raw.eval_batches("val", 8)))
    assert 0 <= plain.min() < plain.max() <= 1
    mean, std = torch.tensor(data.mean).view(1, -1, 1, 1), torch.tensor(data.std).view(1, -1, 1, 1)
    torch.testing.assert_close(own, (plain - mean) / std)
    whole = torch.cat([images for images, _ in data.calibration_batches(64, images=1000)])
    assert whole.mean().abs() < 0.1
    assert whole.std() == pytest.approx(1, abs=0.15)


def test_digest_follows_data_and_split(config: DataConfig) -> None:
    digest = load_data(config, CPU).digest
    assert len(digest) == 64
    assert load_data(changed(config, augment=AUGMENT), CPU).digest == digest
    assert load_data(changed(config, image_size=20), CPU).digest != digest
    if config.name != "dtd":
        assert load_data(changed(config, split_seed=1), CPU).digest != digest
        assert load_data(changed(config, val_fraction=0.3), CPU).digest != digest
    else:
        assert load_data(changed(config, fold=2), CPU).digest != digest


def test_a_limit_keeps_the_classes_in_proportion(config: DataConfig) -> None:
    classes = describe_data(config).num_classes
    limited = load_data(changed(config, train_limit=classes), CPU)
    labels = torch.cat([labels for _, labels in limited.calibration_batches(64, images=1000)])
    assert len(labels) == classes
    assert len(labels.unique()) >= classes - 1
    assert limited.sizes["val"] == load_data(config, CPU).sizes["val"]


def test_a_last_batch_of_one_image_is_left_out(config: DataConfig) -> None:
    data = load_data(changed(config, train_limit=9), CPU)
    assert [len(labels) for _, labels in data.train_batches(4, seed=0)] == [4, 4]
    assert data.steps_per_epoch(4) == 2
    assert data.steps_per_epoch(1) == 9
    assert [len(labels) for _, labels in data.train_batches(5, seed=0)] == [5, 4]


def test_digits_are_scikit_learns() -> None:
    data = load_data(DataConfig(name="digits"), CPU).normalised((0.0,), (1.0,))
    ours = sorted(
        (int(label), *torch.round(image * 16).int().flatten().tolist())
        for part in ("val", "test")
        for images, labels in data.eval_batches(part, 256)
        for image, label in zip(images, labels, strict=True)
    )
    bunch = load_digits()
    theirs = {
        (int(label), *image.astype(int).flatten().tolist())
        for image, label in zip(bunch.images, bunch.target, strict=True)
    }
    assert len(ours) > 500
    assert set(ours) <= theirs
    assert sum(data.sizes.values()) == len(bunch.target)
