"""Mixup and CutMix against what they say they do."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from trainables.data.augmentation.mixing import make_mix
from trainables.seeds import seed_everything


def test_mixup_mixes_images_and_labels_alike() -> None:
    """Images that hold their own class's one-hot as pixels show whether both were mixed by the same shares."""
    mix = make_mix(1.0, 0.0, 8)
    assert mix is not None
    labels = torch.arange(8)
    images = functional.one_hot(labels, 8).float().view(8, 8, 1, 1).expand(8, 8, 4, 4).contiguous()
    untouched = images.clone()
    seed_everything(0)
    mixed, targets = mix(images, labels)
    torch.testing.assert_close(mixed.mean((2, 3)), targets)
    torch.testing.assert_close(targets.sum(1), torch.ones(8))
    assert torch.equal(images, untouched)
    assert targets.max() < 1
    seed_everything(0)
    assert torch.equal(mix(images, labels)[0], mixed)


def test_cutmix_labels_are_the_shares_of_area() -> None:
    mix = make_mix(0.0, 1.0, 8)
    assert mix is not None
    labels = torch.arange(8)
    images = functional.one_hot(labels, 8).float().view(8, 8, 1, 1).expand(8, 8, 16, 16).contiguous()
    for seed in range(5):
        seed_everything(seed)
        mixed, targets = mix(images, labels)
        assert set(mixed.unique().tolist()) <= {0.0, 1.0}
        torch.testing.assert_close(mixed.mean((2, 3)), targets)


def test_an_odd_batch_loses_its_last_image() -> None:
    mix = make_mix(0.2, 1.0, 3)
    assert mix is not None
    mixed, targets = mix(torch.rand(7, 1, 4, 4), torch.zeros(7, dtype=torch.int64))
    assert len(mixed) == len(targets) == 6
    assert len(mix(torch.rand(6, 1, 4, 4), torch.zeros(6, dtype=torch.int64))[0]) == 6
    with pytest.raises(ValueError, match="two images"):
        mix(torch.rand(1, 1, 4, 4), torch.zeros(1, dtype=torch.int64))


def test_no_mixing_is_none() -> None:
    assert make_mix(0.0, 0.0, 10) is None


def test_smoothing_in_the_loss_equals_smoothed_targets() -> None:
    """timm would smooth inside Mixup; the loss does it here, and once."""
    mix = make_mix(0.8, 0.0, 5)
    assert mix is not None
    np.random.seed(0)
    _, targets = mix(torch.rand(6, 1, 2, 2), torch.tensor([0, 1, 2, 3, 4, 0]))
    logits = torch.randn(6, 5)
    smoothed = 0.9 * targets + 0.1 / 5
    expected = -(smoothed * functional.log_softmax(logits, 1)).sum(1).mean()
    torch.testing.assert_close(functional.cross_entropy(logits, targets, label_smoothing=0.1), expected)
