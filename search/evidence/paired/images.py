"""The test images' share of the uncertainty: the same networks on other images of the same kind.

Most of the spread between runs is which images of the test split one happens to get right (Jordan, "Calibrated chaos",
arXiv 2304.01910). Seeds do not show it where they share one split.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from models.errors import UserError
from search.evidence.paired.scope import fold_of, judged_alike
from search.evidence.paired.units import Pair
from search.run.curves import state_weights
from search.run.trials import RecordedTrial
from search.study.sections import Level
from trainables.files.remote.at_need import fetched

DRAWS = 9_999
GRAIN = 1e-3
"""Differences of an image are rounded to this, so that equal ones can be drawn together."""

DIFFERENT, NOT_KEPT = "the two are tested on different ones", "predictions not kept"
"""Why there may be no interval over test images."""


@dataclass(frozen=True)
class ImageDifferences:
    """For each test split the mean difference of every image, and how many units it is the mean of; or why there are none."""

    splits: tuple[tuple[NDArray[np.float64], float], ...] = ()
    missing: str = ""

    def interval(self, alpha: float, *, seed: int = 0) -> tuple[float, float] | None:
        """Percentile interval of the mean difference over images drawn again with replacement, for each split apart.

        None where they are missing.
        """
        if not self.splits:
            return None
        random = np.random.default_rng(seed)
        total = sum(units for _, units in self.splits)
        means = np.zeros(DRAWS)
        for differences, units in self.splits:
            values, counts = np.unique(np.round(differences / GRAIN) * GRAIN, return_counts=True)
            drawn = random.multinomial(len(differences), counts / counts.sum(), size=DRAWS)
            means += units / total * (drawn @ values) / len(differences)
        low, high = np.quantile(means, [alpha / 2, 1 - alpha / 2])
        return (float(low), float(high))


def image_differences(pairs: Sequence[Pair], level: Level) -> ImageDifferences:
    """For every test image how much more often the first arm's networks are right at a level than the second's.

    Between two states an image is on the straight line between them, as accuracy is, so the mean over images is the
    contrast's. Missing where two arms have different test images, or where the predictions of one trial were not kept.
    """
    if not all(map(judged_alike, pairs)):
        return ImageDifferences(missing=DIFFERENT)
    splits: dict[tuple[int | None, bytes], list[tuple[NDArray[np.float64], float]]] = {}
    for pair in pairs:
        ours, theirs = _right_at(pair.ours, level), _right_at(pair.theirs, level)
        if ours is None or theirs is None:
            return ImageDifferences(missing=NOT_KEPT)
        if ours[1] != theirs[1]:
            return ImageDifferences(missing=DIFFERENT)
        share = 1 / sum(other.unit == pair.unit for other in pairs)
        # Folds may have as many images of each class, so that their labels tell them apart no more.
        splits.setdefault((fold_of(pair.ours), ours[1]), []).append((ours[0] - theirs[0], share))
    return ImageDifferences(tuple(_weighted_mean(found) for found in splits.values()))


def _weighted_mean(found: Sequence[tuple[NDArray[np.float64], float]]) -> tuple[NDArray[np.float64], float]:
    total = sum(share for _, share in found)
    mean: NDArray[np.float64] = sum(
        (share / total * values for values, share in found), start=np.zeros(len(found[0][0]))
    )
    return mean, total


def _right_at(trial: RecordedTrial, level: Level) -> tuple[NDArray[np.float64], bytes] | None:
    """How right the trial is about every image, in [0, 1], and the images' labels, which tell splits apart."""
    weights = state_weights(trial.states, trial.dense_macs, level.axis, level.value)
    right: NDArray[np.float64] | None = None
    labels = b""
    for state, weight in weights.items():
        found = predictions(trial, state)
        if found is None:
            return None
        predicted, truth = found
        same = weight * (predicted == truth).astype(np.float64)
        right, labels = same if right is None else right + same, truth.tobytes()
    return None if right is None else (right, labels)


def images_right(trial: RecordedTrial) -> list[bool]:
    """For every test image in the split's order whether the last state's network is right; empty if not kept."""
    found = predictions(trial, trial.last.state)
    return [] if found is None else [bool(same) for same in found[0] == found[1]]


def predictions(trial: RecordedTrial, state: int) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """Predicted and true class of every test image at a state's end; None where they were not kept.

    UserError for a damaged file.
    """
    path = fetched(trial.folder / "states" / f"{state:02d}.predictions.safetensors")
    if not path.exists():
        return None
    try:
        tensors = load_file(path)
        return tensors["predictions"], tensors["labels"]
    except (SafetensorError, OSError, KeyError) as error:
        raise UserError(f"{path}: damaged predictions ({error}); run the trial again to write them") from error
