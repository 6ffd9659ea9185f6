"""The network as it was, run beside the one that is being repaired: what its layers are handed, one layer at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from queue import Queue

import torch
from torch import Tensor, nn

from pruning.calibration import caught

Handed = tuple[str, Tensor]


class _Over(Exception):
    """Nobody asks any more."""


class Beside:
    """Asked for a layer's input, waits until the other forward pass has come to that layer; then lets it go on to the next.

    Both passes run the same code, so they come to the same layers in the same order, and neither keeps what it has passed.
    """

    def __init__(self) -> None:
        self._handed: Queue[Handed | BaseException] = Queue(maxsize=1)
        self._go_on: Queue[bool] = Queue(maxsize=1)

    def input_of(self, name: str) -> Tensor:
        """Raises what the other pass raised, or RuntimeError where it came to another layer."""
        found = self._handed.get()
        if isinstance(found, BaseException):
            raise found
        there, values = found
        if there != name:
            raise RuntimeError(f"the network came to {name}, and its copy to {there}")
        self._go_on.put(True)
        return values

    def hand(self, name: str, values: Tensor) -> None:
        """Called in the other pass."""
        self._handed.put((name, values))
        if not self._go_on.get():
            raise _Over

    def run(self, model: nn.Module, images: Tensor) -> None:
        """The other pass; for a thread of its own, in which gradients would be on again."""
        try:
            with torch.no_grad():
                model(images)
        except _Over:
            pass
        except BaseException as error:
            self._handed.put(error)

    def end(self) -> None:
        """Let the other pass stop where it is."""
        self._go_on.put(False)


@contextmanager
def running_beside(model: nn.Module, names: Iterable[str], images: Tensor) -> Iterator[Beside]:
    """A forward pass of `model` over the images, in a thread that stands at each of the named layers until it is asked."""
    beside = Beside()
    modules = {name: model.get_submodule(name) for name in names}
    thread = threading.Thread(target=beside.run, args=(model, images), name="the network as it was", daemon=True)
    with caught(modules, beside.hand):
        thread.start()
        try:
            yield beside
        finally:
            if thread.is_alive():
                beside.end()
            thread.join()
