"""A CUDA graph's stand-in on a CPU: it records operations below autograd, and repeats them on the same memory.

As in a graph, recording computes nothing that lasts, numbers that are no tensors stay as they were recorded, and reading one
back is an error. What Python does around the operations is not repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

Result = TypeVar("Result")


@dataclass
class Operation:
    function: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    results: list[Tensor]
    """Those with memory of their own, which a replay fills."""

    def repeat(self) -> None:
        found = self.function(*self.args, **self.kwargs)
        if self.results:
            for result, again in zip(self.results, _tensors(found), strict=True):
                result.copy_(again)


class Recorder(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.operations: list[Operation] = []
        self.written: list[tuple[Tensor, Tensor]] = []
        """Tensors that an operation was about to write to, and what they held."""

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is torch.ops.aten._local_scalar_dense.default:
            raise RuntimeError("operation not permitted when stream is capturing")
        targets, statistics = list(_written(func, args, kwargs)), _statistics(func, args)
        self.written += [(tensor, tensor.clone()) for tensor in (*targets, *statistics)]
        result = func(*args, **kwargs)
        if targets or not _is_view(func):
            self.operations.append(Operation(func, args, kwargs, [] if targets else list(_tensors(result))))
        return result


@dataclass
class RecordedCapture:
    """A `Capture`. `recorded` and `replays` count; `spoil` is done after each replay."""

    spoil: Callable[[], None] = lambda: None
    operations: list[Operation] = field(default_factory=list)
    recorded: int = 0
    replays: int = 0

    def run(self, work: Callable[[], Result]) -> Result:
        return work()

    def record(self, work: Callable[[], Result]) -> Result:
        random = torch.get_rng_state()
        recorder = Recorder()
        try:
            with recorder:
                result = work()
        finally:
            with torch.no_grad():
                for tensor, held in reversed(recorder.written):
                    tensor.copy_(held)
            torch.set_rng_state(random)
        self.operations = recorder.operations
        self.recorded += 1
        return result

    def replay(self) -> None:
        if not self.operations:
            raise RuntimeError("nothing was recorded")
        with torch.no_grad():
            for operation in self.operations:
                operation.repeat()
        self.replays += 1
        self.spoil()

    def wait(self) -> None:
        """Nothing runs by itself."""

    def forget(self) -> None:
        self.operations = []


def _tensors(value: Any) -> Iterator[Tensor]:
    return (leaf for leaf in tree_leaves(value) if isinstance(leaf, Tensor))


def _written(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[Tensor]:
    for place, argument in enumerate(func._schema.arguments):
        if argument.alias_info is not None and argument.alias_info.is_write:
            given = kwargs.get(argument.name) if argument.kwarg_only or place >= len(args) else args[place]
            yield from _tensors(given)


def _statistics(func: Any, args: tuple[Any, ...]) -> list[Tensor]:
    """What a batch norm writes to without its schema saying so."""
    if "batch_norm" not in str(func) or "backward" in str(func):
        return []
    names = [argument.name for argument in func._schema.arguments[: len(args)]]
    return [arg for name, arg in zip(names, args, strict=True) if name.startswith("running_") and arg is not None]


def _is_view(func: Any) -> bool:
    """Its result lies in the memory of what it was given, so there is nothing to repeat."""
    return any(one.alias_info is not None for one in func._schema.returns)
