"""Fixed, stratified splits: which images are held out depends on the labels and a seed, and on nothing else.

Images are ranked within their class by a hash, so no library's random generator can move a split between versions.
"""

from __future__ import annotations

import hashlib

import numpy as np

from models.errors import UserError
from trainables.config.trial import DataConfig


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


def hold_out_test(labels: np.ndarray, config: DataConfig) -> tuple[np.ndarray, np.ndarray]:
    """Split 0..N-1 into (rest, test split), by `data.folds` or by `data.test_fraction`, which may leave none."""
    if config.folds is not None:
        return fold_of(labels, config.folds, config.fold, config.split_seed)
    if not config.holds_out_test:
        return np.arange(len(labels)), np.empty(0, dtype=int)
    return hold_out(labels, config.test_share, config.split_seed, "test", "data.test_fraction")


def fold_of(labels: np.ndarray, folds: int, fold: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(rest, fold number `fold` of 1..`folds`), both sorted. Every image is in one fold, and folds differ by one image at most,
    in all and in each class.

    Raises:
        UserError: there are fewer images than folds.
    """
    if len(labels) < folds:
        raise UserError(f"found {folds}, but there are {len(labels)} images; use fewer folds", key="data.folds")
    order = [ranked(np.flatnonzero(labels == name), seed, "fold") for name in np.unique(labels)]
    out = np.sort(np.concatenate(order)[fold - 1 :: folds])
    return np.setdiff1d(np.arange(len(labels)), out), out


def limit(labels: np.ndarray, indices: np.ndarray, count: int | None, seed: int) -> np.ndarray:
    """At most `count` of the indices, in the classes' own proportions."""
    if count is None or count >= len(indices):
        return indices
    taken: np.ndarray = indices[stratified(labels[indices], count, seed, "train_limit")[1]]
    return taken
