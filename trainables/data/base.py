"""What every kind of data gives to a trial, and what a kind of data has to say about itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, Self

import numpy as np
from torch import Tensor

from models.preprocessing import Preprocessing
from trainables.config.augment import AugmentConfig
from trainables.config.trial import DataConfig
from trainables.data.facts import DataFacts
from trainables.data.shares import Share

Part = Literal["train", "val", "test"]
Batch = tuple[Tensor, Tensor]
"""Images, float32 of shape (B, C, H, W), normalised; and labels, int64 of shape (B,); both on the training device."""


@dataclass(frozen=True)
class DataInfo:
    """What a network has to know of the data. `image_size` is the side in pixels of the images it will be given."""

    name: str
    num_classes: int
    in_chans: int
    image_size: int


@dataclass(frozen=True)
class Images:
    """A small image set in memory: uint8 images (N, C, H, W), labels (N,); `test_*` is the split kept apart.

    `held_out`: the set has none of its own, and `read` held it out of all images. `classes` are the labels' names; where they
    have none, their numbers are.
    """

    images: Tensor
    labels: np.ndarray
    test_images: Tensor
    test_labels: np.ndarray
    held_out: bool = False
    classes: Sequence[str] = ()


@dataclass(frozen=True)
class Files:
    """Image files and their labels. Where `val` or `test` is None, it is to be split off `train`.

    `classes` are the labels' names, `named` says of each part that is there which files it has, such as `val/`.
    """

    folder: Path
    classes: Sequence[str]
    named: Mapping[Part, str]
    train: Sequence[tuple[Path, int]]
    val: Sequence[tuple[Path, int]] | None
    test: Sequence[tuple[Path, int]] | None
    warnings: tuple[str, ...] = ()
    """About the folder."""
    layout: str = ""
    """How they lie in it, in words, such as `train/CLASS, test/CLASS`."""


@dataclass(frozen=True)
class DatasetKind:
    """One kind of data.

    `find` gives the place the files lie in, or None; `expected` says in words what it looked for; `download` puts the
    files into an empty folder, and is None where there is nowhere to get them from. `read` gives images, or their files, which
    are decoded and augmented one by one: then `of_files` is to say so.
    """

    info: Callable[[DataConfig], DataInfo]
    find: Callable[[DataConfig], Path | None]
    expected: str
    download: Callable[[Path], None] | None
    read: Callable[[DataConfig, Path], Images | Files]
    of_files: bool = False


class Data(Protocol):
    """Loaded data with its splits. Every order and augmentation follows from the seeds given, whatever ran before."""

    @property
    def info(self) -> DataInfo: ...

    @property
    def sizes(self) -> dict[str, int]:
        """Images of the parts train, val and test; of test none where `data.test_fraction` is 0."""

    @property
    def splits(self) -> dict[str, str]:
        """Part → which images it has, in words."""

    @property
    def digest(self) -> str:
        """SHA-256 over images (or file names and sizes), labels and the split."""

    @property
    def version(self) -> str:
        """Another one wherever an image may have changed: of files that `digest` knows by name and size, their times too."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels' names, in their order."""

    @property
    def preprocessing(self) -> Preprocessing:
        """What an image goes through on its way into `eval_batches`."""

    @property
    def mean(self) -> tuple[float, ...]:
        """Mean of each channel, of pixels in [0, 1]: what images are normalised with."""

    @property
    def std(self) -> tuple[float, ...]: ...

    def normalised(self, mean: Sequence[float], std: Sequence[float]) -> Self:
        """The same data, normalised with these instead of the training part's own."""

    def steps_per_epoch(self, batch_size: int) -> int:
        """Batches that `train_batches` gives."""

    def train_batches(
        self,
        batch_size: int,
        seed: int,
        augment: AugmentConfig | None = None,
        *,
        first: int = 0,
        share: Share | None = None,
    ) -> Iterator[Batch]:
        """The training part once, shuffled and augmented by `seed` alone; a last batch of one image is left out.

        `augment` is done to the images; None: `data.augment`. The batches before `first` are left out, and not made.
        With `share`, of each batch the images of that process.
        """

    def eval_batches(self, part: str, batch_size: int, share: Share | None = None) -> Iterator[Batch]:
        """A part in its fixed order, without augmentation; with `share`, those of its images that are that process's."""

    def calibration_batches(self, batch_size: int, *, images: int) -> list[Batch]:
        """Up to so many images of the training part without augmentation, chosen by `split_seed`, in batches."""

    def loading_seconds(self, images: int) -> float:
        """Seconds in which one process makes so many training images ready; 0 of those in memory."""

    def close(self) -> None:
        """End the processes that load images, if there are any; they start again when they are needed."""

    def warnings(self) -> tuple[str, ...]:
        """What is odd about the images and their splits, a line each."""

    def facts(self) -> DataFacts:
        """What it is, for people: classes by split, sizes, channels, files that cannot be read."""
