"""Large image sets: files decoded and augmented by loader processes, normalised on the training device.

What becomes of an image depends on the epoch's seed and the image alone: not on how many processes load, nor on which
of them gets it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from models.errors import UserError
from trainables import seeds
from trainables.config.augment import AugmentConfig
from trainables.config.origins import origins
from trainables.config.trial import DataConfig
from trainables.data.augment import evaluation_transform, training_transform
from trainables.data.base import Batch, DataInfo, Files
from trainables.data.batching import Normalisation, batch_bounds, channel_statistics, fit_channels
from trainables.data.decoding import BadImage, decode
from trainables.data.oddities import class_counts, file_warnings, split_warnings
from trainables.data.splits import hold_out, hold_out_test, limit, ranked, test_fraction

STATISTICS_IMAGES = 512
"""Training images that the channels' mean and spread are taken from."""


class ImageFiles(Dataset[tuple[Tensor, int]]):
    """Decoded and transformed images, uint8 (3, size, size), with their labels; `seed` None where nothing is drawn."""

    def __init__(self, files: Sequence[tuple[Path, int]], transform: v2.Transform, seed: int | None) -> None:
        self.files = files
        self.transform = transform
        self.seed = seed

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        path, label = self.files[index]
        image = decode(path)
        if self.seed is None:
            return self.transform(image), label
        with seeds.isolated(seeds.derive(self.seed, "image", index)):
            return self.transform(image), label


def _one_line_errors(batches: Iterable[Batch]) -> Iterator[Batch]:
    """The loader's batches; a loader process wraps an error's message in its whole traceback, which is undone here."""
    try:
        yield from batches
    except BadImage as error:
        text = str(error).strip().rpartition(f"{BadImage.__name__}: ")[2]
        raise BadImage(text.removeprefix("data.root: "), key="data.root") from error


@dataclass(frozen=True)
class LoaderData:
    """See `Data`. `parts` holds the files of train, val and test with their labels."""

    info: DataInfo
    config: DataConfig
    device: torch.device
    digest: str
    parts: dict[str, list[tuple[Path, int]]]
    splits: dict[str, str]
    raw: Files
    given: tuple[tuple[float, ...], tuple[float, ...]] | None = None
    """Mean and standard deviation to normalise with, if they are not to be the training images' own."""

    @property
    def sizes(self) -> dict[str, int]:
        return {part: len(files) for part, files in self.parts.items()}

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
        chosen = self._calibration_order()[:STATISTICS_IMAGES]
        return channel_statistics(torch.cat([images for images, _ in self._plain("train", chosen, 64)]))

    def normalised(self, mean: Sequence[float], std: Sequence[float]) -> LoaderData:
        channels = self.info.in_chans
        return replace(self, given=(fit_channels(mean, channels), fit_channels(std, channels)))

    def steps_per_epoch(self, batch_size: int) -> int:
        return len(batch_bounds(self.sizes["train"], batch_size))

    def train_batches(self, batch_size: int, seed: int, augment: AugmentConfig | None = None) -> Iterator[Batch]:
        order = torch.randperm(self.sizes["train"], generator=seeds.generator(seeds.derive(seed, "batches"))).tolist()
        batches = [order[start:stop] for start, stop in batch_bounds(len(order), batch_size)]
        transform = training_transform(augment or self.config.augment, self.info.image_size)
        return self._ready(ImageFiles(self.parts["train"], transform, seed), batches)

    def eval_batches(self, part: str, batch_size: int) -> Iterator[Batch]:
        indices = range(self.sizes[part])
        return self._ready(
            self._evaluation_files(part), [indices[at : at + batch_size] for at in indices[::batch_size]]
        )

    def calibration_batches(self, batch_size: int, *, images: int) -> list[Batch]:
        chosen = self._calibration_order()[:images]
        batches = [chosen[start : start + batch_size] for start in range(0, len(chosen), batch_size)]
        return list(self._ready(self._evaluation_files("train"), batches))

    def warnings(self) -> tuple[str, ...]:
        counts = {part: class_counts(_labels(files), self.raw.classes) for part, files in self.parts.items()}
        chosen = [self.parts["train"][index][0] for index in self._calibration_order()]
        of_files = file_warnings(self.config, self.info, self.raw.folder, chosen)
        return (*self.raw.warnings, *split_warnings(counts), *of_files)

    def _calibration_order(self) -> list[int]:
        order: list[int] = ranked(np.arange(self.sizes["train"]), self.config.split_seed, "calibration").tolist()
        return order

    def _evaluation_files(self, part: str) -> ImageFiles:
        return ImageFiles(self.parts[part], evaluation_transform(self.info.image_size), None)

    def _plain(self, part: str, indices: list[int], batch_size: int) -> Iterator[Batch]:
        batches = [indices[start : start + batch_size] for start in range(0, len(indices), batch_size)]
        return _one_line_errors(self._loader(self._evaluation_files(part), batches))

    def _ready(self, files: ImageFiles, batches: Sequence[Sequence[int]]) -> Iterator[Batch]:
        normalise = Normalisation.of(*self._normalisation, self.device)
        for images, labels in _one_line_errors(self._loader(files, batches)):
            on_device = images.to(self.device, non_blocking=True)
            yield normalise(on_device), labels.to(self.device, non_blocking=True)

    def _loader(self, files: ImageFiles, batches: Sequence[Sequence[int]]) -> DataLoader[tuple[Tensor, int]]:
        # Its own generator: a loader otherwise draws a base seed from the global one, and moves what comes after.
        return DataLoader(
            files,
            batch_sampler=[list(batch) for batch in batches],
            num_workers=min(self.config.workers, len(batches)),
            generator=seeds.generator(0),
            pin_memory=self.device.type == "cuda",
        )


def load_files(config: DataConfig, info: DataInfo, raw: Files, device: torch.device) -> LoaderData:
    """Split what has no split of its own; no image is opened yet."""
    files, test = list(raw.train), raw.test
    if test is None:
        rest, held = hold_out_test(_labels(files), test_fraction(config), config.split_seed)
        files, test = [files[index] for index in rest], [files[index] for index in held]
    val = raw.val
    if val is None:
        rest, held = hold_out(_labels(files), config.val_fraction, config.split_seed, "val", "data.val_fraction")
        files, val = [files[index] for index in rest], [files[index] for index in held]
    chosen = limit(_labels(files), np.arange(len(files)), config.train_limit, config.split_seed)
    parts = {"train": [files[index] for index in chosen], "val": list(val), "test": list(test)}
    told_test = raw.named.get("test", test_fraction(config))
    empty = next((part for part, content in parts.items() if not content and (part != "test" or told_test != 0)), None)
    if empty is not None:
        raise UserError(
            f"{raw.folder} has no images in its {empty} part; add some or remove that folder", key="data.root"
        )
    digest = _digest(config, info, raw.folder, parts)
    splits = origins(config, raw.named["train"], raw.named.get("val"), told_test)
    return LoaderData(info, config, device, digest, parts, splits, raw)


def _labels(files: Sequence[tuple[Path, int]]) -> np.ndarray:
    return np.asarray([label for _, label in files], dtype=np.int64)


def _digest(config: DataConfig, info: DataInfo, folder: Path, parts: dict[str, list[tuple[Path, int]]]) -> str:
    """Over names, sizes and labels of the files in each part: opening every one would take minutes."""
    digest = hashlib.sha256(json.dumps([config.name, info.image_size]).encode())
    for part, files in parts.items():
        for path, label in sorted(files):
            line = [part, path.relative_to(folder).as_posix(), path.stat().st_size, label]
            digest.update(json.dumps(line).encode() + b"\n")
    return digest.hexdigest()
