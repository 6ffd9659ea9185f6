"""Batches: where they begin and end, their normalisation, and that nothing of an epoch waits for the training device."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.overrides import TorchFunctionMode

from trainables.config.trial import DataConfig
from trainables.data import Batch, Data, load_data
from trainables.data.batching import CHANNELS_LAST_FROM, Normalisation, batch_bounds, batch_count, channel_statistics

CPU = torch.device("cpu")
WAITS = frozenset(
    {"to", "cpu", "cuda", "numpy", "tensor", "as_tensor", "item", "tolist", "nonzero", "unique", "bincount"}
    | {"masked_select", "__bool__", "__int__", "__float__", "__index__", "copy_"}
)
"""What copies between CPU and device, or asks for a number, and so waits for the device."""


class Waiting(TorchFunctionMode):
    """Notes every call that would wait for a GPU, were the data there."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = (*args[1:], *(kwargs or {}).values())
        only_a_type = func.__name__ == "to" and all(isinstance(value, torch.dtype) for value in given)
        if func.__name__ in WAITS and not only_a_type:
            self.calls.append(func.__name__)
        return func(*args, **(kwargs or {}))


def digits(**augment: Any) -> Data:
    return load_data(DataConfig.model_validate({"name": "digits", "augment": augment}), CPU)


def digest(batches: Iterator[Batch]) -> str:
    found = hashlib.sha256()
    for images, labels in batches:
        found.update(images.contiguous().numpy().tobytes())
        found.update(labels.numpy().tobytes())
    return found.hexdigest()[:16]


@given(count=st.integers(0, 300), size=st.integers(1, 70))
def test_batches_cover_everything_but_a_lone_last_image(count: int, size: int) -> None:
    bounds = list(batch_bounds(count, size))
    assert batch_count(count, size) == len(bounds)
    covered = [index for start, stop in bounds for index in range(start, stop)]
    dropped = 1 if size > 1 and count % size == 1 else 0
    assert covered == list(range(count - dropped))
    assert all(stop - start == size for start, stop in bounds[:-1])


def test_channel_statistics_are_those_of_the_whole() -> None:
    images = torch.randint(0, 256, (2050, 3, 4, 4), dtype=torch.uint8)
    mean, std = channel_statistics(images)
    whole = images.double() / 255
    torch.testing.assert_close(torch.tensor(mean).double(), whole.mean((0, 2, 3)), atol=1e-6, rtol=0)
    torch.testing.assert_close(torch.tensor(std).double(), whole.std((0, 2, 3), unbiased=False), atol=1e-6, rtol=0)
    flat = Normalisation.of(mean, std, CPU)(images)
    assert flat.mean().abs() < 1e-4
    assert (flat.std() - 1).abs() < 1e-3


def test_normalisation_is_of_every_channel_apart() -> None:
    images = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).repeat(2, 3, 1, 1)
    mean, std = (0.1, 0.4914, 0.3), (0.2, 0.2471, 0.33)
    found = Normalisation.of(mean, std, CPU)(images)
    for channel in range(3):
        expected = (images[:, channel].double() / 255 - mean[channel]) / std[channel]
        torch.testing.assert_close(found[:, channel].double(), expected, rtol=1e-6, atol=1e-6)
    assert images.dtype == torch.uint8


@pytest.mark.parametrize(("side", "channels_last"), [(CHANNELS_LAST_FROM - 1, False), (CHANNELS_LAST_FROM, True)])
def test_channels_of_large_images_lie_together_and_nothing_else_is_changed(side: int, channels_last: bool) -> None:
    images = torch.randint(0, 256, (2, 3, side, side), dtype=torch.uint8)
    found = Normalisation.of((0.1, 0.2, 0.3), (0.4, 0.5, 0.6), CPU)(images)
    assert found.is_contiguous(memory_format=torch.channels_last) is channels_last
    assert found.is_contiguous() is not channels_last
    mean, std = torch.tensor([0.1, 0.2, 0.3]).view(1, 3, 1, 1), torch.tensor([0.4, 0.5, 0.6]).view(1, 3, 1, 1)
    assert torch.equal(found, (images.float() / 255 - mean) / std)


@pytest.mark.parametrize(
    "augment",
    [{}, {"crop_padding": 2, "flip": True}, {"rand_augment": "rand-m9-n3-mstd0.5-inc1"}, {"rand_augment": "rand-t3a"}],
)
def test_no_batch_but_the_first_waits_for_the_device(augment: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainables.data.augmentation.batches.SLAB", 1)
    data = digits(**augment)
    for batches in (data.train_batches(64, seed=1), data.eval_batches("val", 32)):
        next(batches)
        with Waiting() as waiting:
            assert len(list(batches)) > 3
        assert waiting.calls == []


def test_batches_are_the_same_for_ever() -> None:
    """As 0.1.0 had them, so that a run begun before a change goes on with the same images."""
    data = digits(crop_padding=2, flip=True).normalised((0.0,), (1.0,))
    assert digest(data.train_batches(64, seed=7)) == "7468e6024cb53bac"
    assert digest(data.eval_batches("val", 64)) == "d67a66c2e05abe9f"
