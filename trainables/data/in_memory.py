"""Small image sets: one uint8 tensor per part on the training device, augmented and normalised there per batch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from models.preprocessing import Preprocessing
from trainables import seeds
from trainables.config.augment import AugmentConfig
from trainables.config.origins import origins
from trainables.config.trial import DataConfig
from trainables.data.augmentation.batches import SmallAugmentation
from trainables.data.base import Batch, DataInfo, Images
from trainables.data.batching import Normalisation, batch_bounds, batch_count, channel_statistics, fit_channels, moved
from trainables.data.facts import DataFacts, array_facts
from trainables.data.oddities import class_counts, split_warnings
from trainables.data.shares import Share
from trainables.data.splits import hold_out, limit, ranked

RESIZE_ONCE_BYTES = 2 * 2**30
"""A part of up to so many bytes is resized when loaded; a larger one batch by batch, to the same pixels."""


@dataclass(frozen=True)
class InMemoryData:
    """See `Data`. `images` and `labels` hold the parts train, val and test."""

    info: DataInfo
    config: DataConfig
    digest: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    images: dict[str, Tensor]
    labels: dict[str, Tensor]
    calibration: Tensor
    """All training indices in the order that calibration images are taken in."""
    splits: dict[str, str]
    classes: tuple[str, ...]

    @property
    def version(self) -> str:
        return self.digest

    @property
    def sizes(self) -> dict[str, int]:
        return {part: len(labels) for part, labels in self.labels.items()}

    @property
    def preprocessing(self) -> Preprocessing:
        return Preprocessing(self.info.image_size, self.info.in_chans, "stretch", self.mean, self.std)

    def normalised(self, mean: Sequence[float], std: Sequence[float]) -> InMemoryData:
        channels = self.info.in_chans
        return replace(self, mean=fit_channels(mean, channels), std=fit_channels(std, channels))

    def steps_per_epoch(self, batch_size: int) -> int:
        return batch_count(self.sizes["train"], batch_size)

    def train_batches(
        self,
        batch_size: int,
        seed: int,
        augment: AugmentConfig | None = None,
        *,
        first: int = 0,
        share: Share | None = None,
    ) -> Iterator[Batch]:
        chance = seeds.generator(seeds.derive(seed, "batches"))
        order = moved(torch.randperm(self.sizes["train"], generator=chance), self._device)
        bounds = list(batch_bounds(len(order), batch_size))
        values = batch_size * self.images["train"].shape[1] * self.info.image_size**2
        augmentation = SmallAugmentation(augment or self.config.augment, chance, seed, values)
        begin = augmentation.begin(first)
        augmentation.pass_over(stop - start for start, stop in bounds[:begin])
        taken = (self._take("train", order[start:stop]) for start, stop in bounds[begin:])
        for images, labels in islice(augmentation.of(taken, begin), first - begin, None):
            if share is None:
                yield self._normalise(images), labels
                continue
            # Augmented as a whole, so that every image becomes what it becomes in one process.
            rows = moved(share.rows(len(labels)), self._device)
            yield self._normalise(images[rows]), labels[rows]

    def eval_batches(self, part: str, batch_size: int, share: Share | None = None) -> Iterator[Batch]:
        images, labels = self.images[part], self.labels[part]
        own = range(len(labels)) if share is None else share.block(len(labels))
        for start in range(own.start, own.stop, batch_size):
            chosen = slice(start, min(start + batch_size, own.stop))
            yield self._normalise(resize(images[chosen], self.info.image_size)), labels[chosen]

    def calibration_batches(self, batch_size: int, *, images: int) -> list[Batch]:
        chosen = moved(self.calibration[:images], self._device)
        taken = [self._take("train", indices) for indices in torch.split(chosen, batch_size)]
        return [(self._normalise(images), labels) for images, labels in taken]

    def warnings(self) -> tuple[str, ...]:
        return split_warnings(self._counts())

    def facts(self) -> DataFacts:
        """Of the images as they are in memory, which may have been brought to their size already."""
        info, (_, channels, height, width) = self.info, self.images["train"].shape
        files = array_facts(sum(self.sizes.values()), height, width, channels)
        return DataFacts(info.name, "", self._counts(), info.image_size, info.in_chans, files)

    def _counts(self) -> dict[str, dict[str, int]]:
        return {part: class_counts(labels.cpu().numpy(), self.classes) for part, labels in self.labels.items()}

    def loading_seconds(self, images: int) -> float:
        return 0.0

    def close(self) -> None:
        """No process loads these."""

    @property
    def _device(self) -> torch.device:
        return self.labels["train"].device

    @cached_property
    def _normalise(self) -> Normalisation:
        return Normalisation.of(self.mean, self.std, self._device)

    def _take(self, part: str, indices: Tensor) -> Batch:
        return resize(self.images[part][indices], self.info.image_size), self.labels[part][indices]


def load_in_memory(config: DataConfig, info: DataInfo, raw: Images, device: torch.device) -> InMemoryData:
    """Split, resize where that is asked for, and move to the training device."""
    rest, val = hold_out(raw.labels, config.val_fraction, config.split_seed, "val", "data.val_fraction")
    train = limit(raw.labels, rest, config.train_limit, config.split_seed)
    images = {"train": raw.images[train], "val": raw.images[val], "test": raw.test_images}
    labels = {"train": raw.labels[train], "val": raw.labels[val], "test": raw.test_labels}
    mean, std = channel_statistics(images["train"])
    return InMemoryData(
        info=info,
        config=config,
        digest=_digest(config, info, raw, train, val),
        mean=mean,
        std=std,
        images={part: _resized_once(pixels, info.image_size).to(device) for part, pixels in images.items()},
        labels={part: torch.from_numpy(values).to(device) for part, values in labels.items()},
        splits=_splits(config, raw),
        classes=tuple(raw.classes) or tuple(str(label) for label in range(info.num_classes)),
        calibration=torch.from_numpy(ranked(np.arange(len(train)), config.split_seed, "calibration")),
    )


def _splits(config: DataConfig, raw: Images) -> dict[str, str]:
    if raw.held_out:
        return origins(config, "the set's images", None, None)
    return origins(config, "the set's training images", None, "the set's test images")


def resize(images: Tensor, size: int) -> Tensor:
    """uint8 (B, C, H, W) → (B, C, size, size), bicubic with antialiasing; unchanged where it has that size."""
    if images.shape[2:] == (size, size):
        return images
    resized = functional.interpolate(images.float(), (size, size), mode="bicubic", antialias=True)
    return resized.round().clamp(0, 255).to(torch.uint8)


def _resized_once(images: Tensor, size: int) -> Tensor:
    if len(images) * images.shape[1] * size * size > RESIZE_ONCE_BYTES or images.shape[2:] == (size, size):
        return images
    return torch.cat([resize(chunk, size) for chunk in torch.split(images, 1024)])


def _digest(config: DataConfig, info: DataInfo, raw: Images, train: np.ndarray, val: np.ndarray) -> str:
    digest = hashlib.sha256()
    shapes = [list(raw.images.shape), list(raw.test_images.shape)]
    digest.update(json.dumps([config.name, info.image_size, *shapes]).encode())
    for images in (raw.images, raw.test_images):
        digest.update(images.contiguous().numpy().tobytes())
    for values in (raw.labels, raw.test_labels, train, val):
        digest.update(values.astype("<i8").tobytes())
    return digest.hexdigest()
