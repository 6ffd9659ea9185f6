"""Building a network for its names and shapes alone: without memory, and without working out initial values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

VALUES_ALONE = frozenset(
    {
        Tensor.normal_,
        Tensor.uniform_,
        Tensor.erfinv_,
        Tensor.mul_,
        Tensor.add_,
        Tensor.clamp_,
        Tensor.fill_,
        Tensor.zero_,
    }
)
"""What builders call to initialise, and what changes nothing else."""


class Uninitialised(TorchFunctionMode):
    """Leaves out initialisation: on the meta device it has no result, but takes most of the time and loads sympy."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in VALUES_ALONE or getattr(func, "__module__", None) == "torch.nn.init":
            return args[0] if args else (kwargs or {})["tensor"]
        return func(*args, **(kwargs or {}))


@contextmanager
def shapes_only() -> Iterator[None]:
    """Networks built in the block have tensors without memory, on the device `meta`."""
    with torch.device("meta"), Uninitialised():
        yield
