"""Which images each split is made of, in words for people and for `validate`."""

from __future__ import annotations

from collections.abc import Mapping

from trainables.config.trial import DataConfig


def origins(config: DataConfig, source: str, val: str | None, test: str | float) -> dict[str, str]:
    """Split → where it comes from.

    `source` are the images that are trained on, `val` and `test` others, in words. None for `val`: held out of the source by
    `data.val_fraction`; a number for `test`: the share held out of it, 0 for no test split at all.
    """
    whole = val is not None and (isinstance(test, str) or test == 0)
    train = source if whole else f"the rest of {source}"
    if config.train_limit is not None:
        train += f", cut by data.train_limit: {config.train_limit}"
    told_test = test if isinstance(test, str) else _held_out(source, "data.test_fraction", test)
    return {
        "train": train,
        "val": val or _held_out(source, "data.val_fraction", config.val_fraction),
        "test": told_test if test != 0 else "none, by data.test_fraction: 0",
    }


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
