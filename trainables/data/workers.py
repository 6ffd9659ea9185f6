"""Loader processes: they decode and augment images, and stay from one pass over the images to the next.

What becomes of an image depends on the pass's seed and the image alone: not on how many processes load, on which of them gets
it, nor on what it made before.
"""

from __future__ import annotations

import atexit
import signal
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from weakref import WeakSet

from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler, default_collate
from torch.utils.data.dataloader import _MultiProcessingDataLoaderIter
from torchvision.transforms import v2
from torchvision.transforms.v2.functional import pil_to_tensor

from models.preprocessing import cropped
from trainables import seeds
from trainables.config.augment import AugmentConfig
from trainables.data.augmentation.transforms import training_transform
from trainables.data.base import Batch
from trainables.data.decoding import BadImage, decode

LabelledFiles = Sequence[tuple[Path, int]]


@dataclass(frozen=True)
class Request:
    """A batch that is wanted: images of a part, augmented by `seed`, or as an evaluation sees them where there is none."""

    part: str
    indices: list[int]
    seed: int | None = None
    augment: AugmentConfig = AugmentConfig()


class RequestedBatches(Dataset[Batch]):
    """Request → uint8 images (B, 3, size, size) and labels (B,)."""

    def __init__(self, parts: Mapping[str, LabelledFiles], size: int) -> None:
        self.parts = parts
        self.size = size

    def __getitem__(self, request: Request) -> Batch:
        images, labels = default_collate([self._one(request, index) for index in request.indices])
        return images, labels

    def _one(self, request: Request, index: int) -> tuple[Tensor, int]:
        path, label = self.parts[request.part][index]
        image = decode(path)
        if request.seed is None:
            plain: Tensor = pil_to_tensor(cropped(image, self.size))
            return plain, label
        with seeds.isolated(seeds.derive(request.seed, "image", index)):
            augmented: Tensor = _training_transform(request.augment, self.size)(image)
        return augmented, label


@lru_cache(maxsize=4)
def _training_transform(augment: AugmentConfig, size: int) -> v2.Transform:
    return training_transform(augment, size)


class Requests(Sampler[Request]):
    """The requests of the next pass; a loader asks for them anew at each pass's start."""

    def __init__(self) -> None:
        self.next_pass: Iterable[Request] = ()

    def __iter__(self) -> Iterator[Request]:
        return iter(self.next_pass)


class Workers:
    """`count` processes; with none, batches are made in this one. They start when they are first needed."""

    def __init__(self, batches: RequestedBatches, count: int, *, pin: bool) -> None:
        self._batches = batches
        self._count = count
        self._pin = pin
        self._requests = Requests()
        self._kept: DataLoader[Batch] | None = None
        self._under_way = False

    def run(self, requests: Iterable[Request]) -> Iterator[Batch]:
        """The batches in their order. A pass that begins before another has ended gets processes of its own.

        Raises BadImage, in one line, for a file that is no image.
        """
        if self._count == 0 or self._under_way:
            once = Requests()
            once.next_pass = requests
            iterator = _begun(self._loader(once, stays=False))
            try:
                yield from _one_line_errors(iterator)
            finally:
                _end(iterator)
            return
        self._requests.next_pass = requests
        if self._kept is None:
            self._kept = self._loader(self._requests, stays=True)
        self._under_way = True
        try:
            yield from _one_line_errors(_begun(self._kept))
        except Exception:
            # Who has lost a process, or is amid a batch, is no longer relied on.
            self.close()
            raise
        finally:
            self._under_way = False

    def close(self) -> None:
        """End the processes; a later pass starts new ones."""
        kept, self._kept = self._kept, None
        _end(getattr(kept, "_iterator", None))

    def _loader(self, requests: Requests, *, stays: bool) -> DataLoader[Batch]:
        # Its own generator: a loader otherwise draws a base seed from the global one, and moves what comes after.
        return DataLoader(
            self._batches,
            batch_size=None,
            sampler=requests,
            num_workers=self._count,
            generator=seeds.generator(0),
            worker_init_fn=_leave_signals_to_parent,
            pin_memory=self._pin,
            persistent_workers=stays,
        )


_BEGUN: WeakSet[Any] = WeakSet()
"""Iterators of loaders, which may have processes."""


def _begun(loader: DataLoader[Batch]) -> Iterator[Batch]:
    iterator = iter(loader)
    _BEGUN.add(iterator)
    return iterator


@atexit.register
def _end_all() -> None:
    """Before multiprocessing would end them by a signal that they leave alone, and wait for them for ever."""
    for iterator in list(_BEGUN):
        _end(iterator)


def _leave_signals_to_parent(worker: int) -> None:
    """Ctrl-C in a terminal, and what ends a group of processes, come to loader processes too; the one that they load for may
    have steps to take before it ends them. If that is gone, they end by themselves."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def _end(iterator: object) -> None:
    """End a loader's processes. By itself it does so only as its iterator is collected, which a traceback puts off."""
    if isinstance(iterator, _MultiProcessingDataLoaderIter):
        iterator._shutdown_workers()


def _one_line_errors(batches: Iterable[Batch]) -> Iterator[Batch]:
    """The loader's batches; a loader process wraps an error's message in its whole traceback, which is undone here."""
    try:
        yield from batches
    except BadImage as error:
        text = str(error).strip().rpartition(f"{BadImage.__name__}: ")[2]
        raise BadImage(text.removeprefix("data.root: "), key="data.root") from error
