"""RandAugment of a batch against timm's of one picture after another, on photographs, flat pictures and noise.

The same choices, levels and signs, and the same pixels: to the bit on x86-64. Elsewhere compilers may fuse Pillow's additions
and multiplications, which moves a pixel in ten thousand by one level.
"""

from __future__ import annotations

import platform
from functools import cache

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_sample_images
from timm.data import auto_augment as timm_ops
from torch import Tensor
from torchvision.transforms.v2 import functional

from models.errors import UserError
from trainables.data.augmentation import rand_augment as module
from trainables.data.augmentation.rand_augment import check_rand_augment, rand_augment, rand_augment_of
from trainables.seeds import generator, isolated

NAMES = sorted(
    {
        *timm_ops._RAND_TRANSFORMS,
        *timm_ops._RAND_INCREASING_TRANSFORMS,
        *timm_ops._RAND_3A,
        *timm_ops._RAND_WEIGHTED_3A,
        *timm_ops._RAND_WEIGHTED_0,
    }
)
"""All operations that a notation can lead to."""
NOTATIONS = [
    "rand-m9-mstd0.5-inc1",
    "rand-m10-n3",
    "rand-m0-n3",
    "rand-m7-mstd101",
    "rand-m30-mmax30",
    "rand-t3a",
    "rand-m9-t3aw",
]


@cache
def pictures(side: int = 32) -> Tensor:
    """Pieces of two photographs, and what is flat, has few values, or is noise, (N, 3, side, side)."""
    chance = generator(0)
    found = []
    for photograph in load_sample_images().images:
        whole = torch.from_numpy(photograph.copy()).permute(2, 0, 1)
        for _ in range(30):
            size, top, left = (int(torch.randint(40, 200, (1,), generator=chance)) for _ in range(3))
            found.append(
                functional.resize(whole[:, top : top + size, left : left + size], [side, side], antialias=True)
            )
    flat = [torch.full((3, side, side), value, dtype=torch.uint8) for value in (0, 77, 255)]
    few = [torch.randint(100, 103, (3, side, side), dtype=torch.uint8, generator=chance) for _ in range(3)]
    noise = [torch.randint(0, 256, (3, side, side), dtype=torch.uint8, generator=chance) for _ in range(6)]
    return torch.stack([*found, *flat, *few, *noise])


def picture_of(image: Tensor) -> Image.Image:
    return Image.fromarray(image.permute(1, 2, 0).numpy())


def timms(images: Tensor, notation: str, seed: int) -> Tensor:
    """timm's operations on one picture after the other, layer by layer, drawn from the same generators."""
    transform = rand_augment_of(notation)
    ops, layers, weights = transform.ops, transform.num_layers, transform.choice_weights  # type: ignore[attr-defined]  # timm's
    made = [picture_of(image) for image in images]
    with isolated(seed):
        if weights is None:
            chosen = np.random.choice(len(ops), (len(made), layers))
        else:
            chosen = np.stack([np.random.choice(len(ops), layers, replace=False, p=weights) for _ in made])
        for layer in chosen.T:
            made = [ops[number](picture) for number, picture in zip(layer, made, strict=True)]
    return torch.stack([torch.from_numpy(np.array(picture)).permute(2, 0, 1) for picture in made])


def assert_same(found: Tensor, expected: Tensor) -> None:
    apart = (found.int() - expected.int()).abs()
    share = (apart > 0).double().mean().item()
    assert share == 0 or (platform.machine() != "x86_64" and share < 1e-4 and apart.max() <= 1), (share, apart.max())


@pytest.mark.parametrize("side", [32, 29])
@pytest.mark.parametrize("name", NAMES)
def test_each_operation_is_timms(name: str, side: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timm_ops, "_RAND_TRANSFORMS", [name])
    images = pictures(side)
    for magnitude in (0, 3, 6, 10):
        notation = f"rand-m{magnitude}-n1-p1-mstd1.5"
        found = rand_augment(images, notation, seed=magnitude)
        assert_same(found, timms(images, notation, seed=magnitude))
        assert magnitude == 0 or not torch.equal(found, images)


@pytest.mark.parametrize("notation", NOTATIONS)
def test_a_batch_is_what_timm_makes_of_each_image(notation: str) -> None:
    images = pictures()
    before = images.clone()
    found = rand_augment(images, notation, seed=3)
    assert found.dtype == torch.uint8
    assert_same(found, timms(images, notation, seed=3))
    assert torch.equal(images, before)


def test_an_image_that_is_not_square_turns_and_slides_alike() -> None:
    images = pictures()[:, :, :, :20]
    assert_same(rand_augment(images, "rand-m9-n3-p1-mstd0.5", seed=1), timms(images, "rand-m9-n3-p1-mstd0.5", seed=1))


@pytest.mark.parametrize("notation", NOTATIONS)
def test_a_grey_image_comes_out_as_three_equal_channels_would(notation: str) -> None:
    grey = pictures()[:, 1:2]
    found = rand_augment(grey, notation, seed=5)
    assert found.shape == grey.shape
    assert torch.equal(found.expand(-1, 3, -1, -1), rand_augment(grey.repeat(1, 3, 1, 1), notation, seed=5))
    assert not torch.equal(found, grey)


def test_the_seed_decides_for_each_image_apart() -> None:
    images = pictures()[:1].repeat(40, 1, 1, 1)
    found = rand_augment(images, "rand-m9-mstd0.5-inc1", seed=1)
    assert len({image.numpy().tobytes() for image in found}) > 20
    assert torch.equal(found, rand_augment(images, "rand-m9-mstd0.5-inc1", seed=1))
    assert not torch.equal(found, rand_augment(images, "rand-m9-mstd0.5-inc1", seed=2))


def test_the_weakest_changes_and_the_strongest_chance_are_timms_own() -> None:
    """timm's strongest (and without inc1 weakest) posterisation keeps no bit, which Pillow refuses."""
    images = pictures()
    assert torch.equal(rand_augment(images, "rand-m9-p0", seed=1), images)
    unchanged = (rand_augment(images, "rand-m9-n1-p0.5", seed=1) == images).all((1, 2, 3)).double().mean()
    assert 0.3 < unchanged < 0.75


def test_an_operation_that_is_not_known_here_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(module._KINDS, timm_ops.invert)
    with pytest.raises(UserError, match=r"^data\.augment\.rand_augment: .* Invert among others"):
        check_rand_augment("rand-m9")
    check_rand_augment("rand-t3a")
