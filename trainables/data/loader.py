"""Large image sets: files decoded and augmented by loader processes, normalised on the training device."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.errors import UserError
from models.preprocessing import Preprocessing
from trainables import seeds
from trainables.config.augment import AugmentConfig
from trainables.config.origins import origins
from trainables.config.trial import DataConfig
from trainables.data.base import Batch, DataInfo, Files
from trainables.data.batching import Normalisation, batch_bounds, batch_count, channel_statistics, fit_channels
from trainables.data.facts import DataFacts, file_facts
from trainables.data.oddities import LOOKED_AT, class_counts, file_warnings, split_warnings
from trainables.data.shares import Share
from trainables.data.splits import hold_out, hold_out_test, limit, ranked
from trainables.data.workers import Request, RequestedBatches, Workers

STATISTICS_IMAGES, STATISTICS_BATCH = 512, 64
"""Training images that the channels' mean and spread are taken from, and how many at a time."""


@cache
def calibration_order(count: int, seed: int) -> tuple[int, ...]:
    """Training indices in the order that calibration images are taken in. Of ImageNet's size it takes seconds to find out."""
    return tuple(ranked(np.arange(count), seed, "calibration").tolist())


@dataclass(frozen=True)
class LoaderData:
    """See `Data`. `parts` holds the files of train, val and test with their labels."""

    info: DataInfo
    config: DataConfig
    device: torch.device
    digest: str
    version: str
    parts: dict[str, list[tuple[Path, int]]]
    splits: dict[str, str]
    raw: Files
    workers: Workers
    given: tuple[tuple[float, ...], tuple[float, ...]] | None = None
    """Mean and standard deviation to normalise with, if they are not to be the training images' own."""

    @property
    def sizes(self) -> dict[str, int]:
        return {part: len(files) for part, files in self.parts.items()}

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(self.raw.classes)

    @property
    def preprocessing(self) -> Preprocessing:
        return Preprocessing(self.info.image_size, self.info.in_chans, "crop", *self._normalisation)

    @property
    def mean(self) -> tuple[float, ...]:
        return self._normalisation[0]

    @property
    def std(self) -> tuple[float, ...]:
        return self._normalisation[1]

    @cached_property
    def _normalisation(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """As given, or of some hundred training images, chosen by `split_seed`, as an evaluation sees them."""
        if self.given is not None:
            return self.given
        chosen = self._calibration_order[:STATISTICS_IMAGES]
        batches = self.workers.run(_plain_requests("train", chosen, STATISTICS_BATCH))
        return channel_statistics(torch.cat([images for images, _ in batches]))

    def normalised(self, mean: Sequence[float], std: Sequence[float]) -> LoaderData:
        channels = self.info.in_chans
        return replace(self, given=(fit_channels(mean, channels), fit_channels(std, channels)))

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
        order = torch.randperm(self.sizes["train"], generator=seeds.generator(seeds.derive(seed, "batches")))
        return self._ready(
            Request("train", _own(order[start:stop], share).tolist(), seed, augment or self.config.augment)
            for start, stop in islice(batch_bounds(len(order), batch_size), first, None)
        )

    def eval_batches(self, part: str, batch_size: int, share: Share | None = None) -> Iterator[Batch]:
        images = self.sizes[part]
        return self._ready(_plain_requests(part, range(images) if share is None else share.block(images), batch_size))

    def calibration_batches(self, batch_size: int, *, images: int) -> list[Batch]:
        return list(self._ready(_plain_requests("train", self._calibration_order[:images], batch_size)))

    def warnings(self) -> tuple[str, ...]:
        chosen = [self.parts["train"][index][0] for index in self._calibration_order[:LOOKED_AT]]
        of_files = file_warnings(self.config, self.info, self.raw.folder, chosen)
        return (*self.raw.warnings, *split_warnings(self._counts()), *of_files)

    def facts(self) -> DataFacts:
        paths = [path for files in self.parts.values() for path, _ in files]
        info, files = self.info, file_facts(self.raw.folder, paths)
        return DataFacts(info.name, self.raw.layout, self._counts(), info.image_size, info.in_chans, files)

    def _counts(self) -> dict[str, dict[str, int]]:
        return {part: class_counts(_labels(files), self.raw.classes) for part, files in self.parts.items()}

    def loading_seconds(self, images: int) -> float:
        chosen = list(self._calibration_order[:images])
        own = RequestedBatches(self.parts, self.info.image_size)
        own[Request("train", chosen[:1], 0, self.config.augment)]  # builds what decodes and augments
        began = time.perf_counter()
        own[Request("train", chosen, 0, self.config.augment)]
        return time.perf_counter() - began

    def close(self) -> None:
        self.workers.close()

    @property
    def _calibration_order(self) -> tuple[int, ...]:
        return calibration_order(self.sizes["train"], self.config.split_seed)

    def _ready(self, requests: Iterable[Request]) -> Iterator[Batch]:
        normalise = Normalisation.of(*self._normalisation, self.device)
        for images, labels in self.workers.run(requests):
            on_device = images.to(self.device, non_blocking=True)
            yield normalise(on_device), labels.to(self.device, non_blocking=True)


def _own(batch: Tensor, share: Share | None) -> Tensor:
    return batch if share is None else batch[share.rows(len(batch))]


def _plain_requests(part: str, indices: Sequence[int], batch_size: int) -> Iterator[Request]:
    for start in range(0, len(indices), batch_size):
        yield Request(part, list(indices[start : start + batch_size]))


def load_files(config: DataConfig, info: DataInfo, raw: Files, device: torch.device) -> LoaderData:
    """Split what has no split of its own; no image is opened yet."""
    files, test = list(raw.train), raw.test
    if test is None:
        rest, held = hold_out_test(_labels(files), config)
        files, test = [files[index] for index in rest], [files[index] for index in held]
    val = raw.val
    if val is None:
        rest, held = hold_out(_labels(files), config.val_fraction, config.split_seed, "val", "data.val_fraction")
        files, val = [files[index] for index in rest], [files[index] for index in held]
    chosen = limit(_labels(files), np.arange(len(files)), config.train_limit, config.split_seed)
    parts: dict[str, list[tuple[Path, int]]] = {
        "train": [files[index] for index in chosen],
        "val": list(val),
        "test": list(test),
    }
    asked = {"train", "val"} | ({"test"} if raw.test is not None or config.holds_out_test else set())
    empty = next((part for part, content in parts.items() if part in asked and not content), None)
    if empty is not None:
        raise UserError(
            f"{raw.folder} has no images in its {empty} part; add some or remove that folder", key="data.root"
        )
    digest, version = _digests(config, info, raw.folder, parts)
    splits = origins(config, raw.named["train"], raw.named.get("val"), raw.named.get("test"))
    workers = Workers(RequestedBatches(parts, info.image_size), config.workers, pin=device.type == "cuda")
    return LoaderData(info, config, device, digest, version, parts, splits, raw, workers)


def _labels(files: Sequence[tuple[Path, int]]) -> np.ndarray:
    return np.asarray([label for _, label in files], dtype=np.int64)


def _digests(
    config: DataConfig, info: DataInfo, folder: Path, parts: dict[str, list[tuple[Path, int]]]
) -> tuple[str, str]:
    """Over names, sizes and labels of the files in each part, and over their times too: opening all would take minutes."""
    digest = hashlib.sha256(json.dumps([config.name, info.image_size]).encode())
    version = digest.copy()
    for part, files in parts.items():
        for path, label in sorted(files):
            found = path.stat()
            line = [part, path.relative_to(folder).as_posix(), found.st_size, label]
            digest.update(json.dumps(line).encode() + b"\n")
            version.update(json.dumps([*line, found.st_mtime_ns]).encode() + b"\n")
    return digest.hexdigest(), version.hexdigest()
