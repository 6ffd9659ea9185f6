"""scikit-learn's `digits`: 1797 grey images of 8 x 8 pixels in ten classes, shipped inside that package."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import sklearn
import torch
from sklearn.datasets import load_digits

from trainables.config import DataConfig
from trainables.data.base import DataInfo, DatasetKind, Images
from trainables.data.splits import hold_out

TEST_FRACTION = 0.2
BRIGHTEST = 16


def read(config: DataConfig, place: Path) -> Images:
    """Values 0..16 scaled to 0..255; a fifth, chosen by `split_seed`, is the test split, for the set has none."""
    bunch = load_digits()
    images = torch.from_numpy(np.rint(bunch.images * (255 / BRIGHTEST)).astype(np.uint8)).unsqueeze(1)
    labels = bunch.target.astype(np.int64)
    train, test = hold_out(labels, TEST_FRACTION, config.split_seed, "test", "data.name")
    return Images(images[train], labels[train], images[test], labels[test])


DIGITS = DatasetKind(
    info=lambda config: DataInfo("digits", 10, 1, config.image_size or 8),
    find=lambda config: Path(sklearn.__file__).parent,
    expected="scikit-learn's own copy",
    download=None,
    read=read,
)
