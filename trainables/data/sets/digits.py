"""scikit-learn's `digits`: 1797 grey images of 8 x 8 pixels in ten classes, shipped inside that package."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

from trainables.config.trial import DataConfig
from trainables.data.base import DataInfo, DatasetKind, Images
from trainables.data.splits import hold_out_test

BRIGHTEST = 16
SIDE = 8
FILE = Path("datasets", "data", "digits.csv.gz")


def find(config: DataConfig) -> Path | None:
    """The file inside scikit-learn, found without importing that: it would take seconds in every process of a study."""
    package = find_spec("sklearn")
    if package is None or package.origin is None:
        return None
    file = Path(package.origin).parent / FILE
    return file if file.is_file() else None


def read(config: DataConfig, place: Path) -> Images:
    """Values 0..16 scaled to 0..255; a part chosen by `split_seed`, or a fold, is the test split, for the set has none."""
    table = np.loadtxt(place, delimiter=",", dtype=np.float64)
    pixels = table[:, :-1].reshape(-1, SIDE, SIDE)
    images = torch.from_numpy(np.rint(pixels * (255 / BRIGHTEST)).astype(np.uint8)).unsqueeze(1)
    labels = table[:, -1].astype(np.int64)
    train, test = hold_out_test(labels, config)
    return Images(images[train], labels[train], images[test], labels[test], held_out=True)


DIGITS = DatasetKind(
    info=lambda config: DataInfo("digits", 10, 1, config.image_size or 8),
    find=find,
    expected="scikit-learn's own copy",
    download=None,
    read=read,
)
