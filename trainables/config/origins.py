"""Which images each split is made of, in words for people and for `validate`."""

from __future__ import annotations

from collections.abc import Mapping

from trainables.config.trial import DataConfig

SMALL_VALIDATION = "small validation set"
"""The subject of a warning about the images that a network is chosen by."""


def origins(config: DataConfig, source: str, val: str | None, test: str | None) -> dict[str, str]:
    """Split → where it comes from.

    `source` are the images that are trained on, `val` and `test` others, in words; None where they are held out of the source.
    """
    none = test is None and not config.holds_out_test
    whole = val is not None and (test is not None or none)
    train = source if whole else f"the rest of {source}"
    if config.train_limit is not None:
        train += f", cut by data.train_limit: {config.train_limit}"
    return {
        "train": train,
        "val": val or _held_out(source, "data.val_fraction", config.val_fraction),
        "test": "none, by data.test_fraction: 0" if none else test or _held_out_test(config, source),
    }


def _held_out_test(config: DataConfig, source: str) -> str:
    if config.folds is not None:
        return f"fold {config.fold} of {config.folds} of {source}, by data.folds and data.fold"
    return _held_out(source, "data.test_fraction", config.test_share)


def splits_line(name: str, sizes: Mapping[str, int], splits: Mapping[str, str]) -> str:
    """`NAME: train 720 images (…), validation 80 (…), test 200 (…)`; of records without `splits` the sizes alone."""
    words = {"train": "train", "val": "validation", "test": "test"}
    told = [
        f"{words.get(part, part)} {count:,}{' images' if part == 'train' else ''}"
        + (f" ({splits[part]})" if part in splits else "")
        for part, count in sizes.items()
    ]
    return f"{name}: {', '.join(told)}"


def _held_out(source: str, key: str, share: float) -> str:
    return f"held out of {source} by {key}: {share:g}"
