"""Fixed, stratified splits: which images are held out depends on the labels and a seed, and on nothing else.

Images are ranked within their class by a hash, so no library's random generator can move a split between versions.
"""

from __future__ import annotations

import hashlib

import numpy as np

from models.errors import UserError
from trainables.config.trial import DataConfig

TEST_FRACTION = 0.2


def stratified(labels: np.ndarray, held: int, seed: int, purpose: str) -> tuple[np.ndarray, np.ndarray]:
    """Split 0..N-1 into (rest, held-out), both sorted, with `held` images held out in the classes' own proportions.

    Shares are rounded by largest remainders, so each class is within one image of its exact share.
    """
    classes, counts = np.unique(labels, return_counts=True)
    exact = counts * (held / len(labels))
    take = np.floor(exact).astype(int)
    by_remainder = np.lexsort((classes, -(exact - take)))
    take[by_remainder[: held - take.sum()]] += 1
    chosen = [
        ranked(np.flatnonzero(labels == name), seed, purpose)[:count] for name, count in zip(classes, take, strict=True)
    ]
    out = np.sort(np.concatenate(chosen)) if chosen else np.empty(0, dtype=int)
    return np.setdiff1d(np.arange(len(labels)), out), out


def ranked(indices: np.ndarray, seed: int, purpose: str) -> np.ndarray:
    """The indices in an order that looks random and is the same everywhere."""
    keys = [hashlib.sha256(f"{purpose}:{seed}:{index}".encode()).digest() for index in indices.tolist()]
    order = sorted(range(len(indices)), key=keys.__getitem__)
    return np.array([indices[place] for place in order], dtype=indices.dtype)


def hold_out(labels: np.ndarray, fraction: float, seed: int, purpose: str, key: str) -> tuple[np.ndarray, np.ndarray]:
    """`stratified` for a fraction; UserError under the key's name where a part would be left empty."""
    held = round(len(labels) * fraction)
    if held < 1 or held >= len(labels):
        raise UserError(
            f"{fraction:g} of {len(labels)} images leaves a part empty; use another or more images", key=key
        )
    return stratified(labels, held, seed, purpose)


def test_fraction(config: DataConfig) -> float:
    """The share of a set without a test split of its own that is held out as one."""
    return TEST_FRACTION if config.test_fraction is None else config.test_fraction


def hold_out_test(labels: np.ndarray, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """`hold_out` of the test split, which may be none."""
    if fraction == 0:
        return np.arange(len(labels)), np.empty(0, dtype=int)
    return hold_out(labels, fraction, seed, "test", "data.test_fraction")


def limit(labels: np.ndarray, indices: np.ndarray, count: int | None, seed: int) -> np.ndarray:
    """At most `count` of the indices, in the classes' own proportions."""
    if count is None or count >= len(indices):
        return indices
    taken: np.ndarray = indices[stratified(labels[indices], count, seed, "train_limit")[1]]
    return taken
