"""What a criterion is given and gives: a function of `Evidence` to `Scores`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.units.base import UnitGroup

Batches = Iterable[tuple[Tensor, Tensor]]
Loss = Callable[[Tensor, Tensor], Tensor]
Scores = dict[str, Tensor]
"""Group name → (count,) float64 on the CPU."""


@dataclass(frozen=True)
class Evidence:
    """All that scores may rest on: the trained network, and calibration data where a criterion needs it.

    `batches` gives (images, labels); `loss` (logits, labels) → the mean loss of the batch, a scalar; `masks` parameter
    name → 0/1 or bool, shaped like the parameter; `generator` a CPU generator.
    """

    model: nn.Module
    groups: Sequence[UnitGroup]
    batches: Batches | None = None
    loss: Loss | None = None
    generator: torch.Generator | None = None
    masks: Mapping[str, Tensor] | None = None


@contextmanager
def undisturbed(model: nn.Module) -> Iterator[None]:
    """The model in eval mode with gradients on for every parameter; modes and flags come back afterwards.

    Eval mode keeps dropout and depth out of the scores, batch statistics unchanged and samples apart from each other.
    """
    modes = [(module, module.training) for module in model.modules()]
    flags = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    try:
        model.eval()
        for parameter, _ in flags:
            parameter.requires_grad_(True)
        yield
    finally:
        for module, mode in modes:
            module.training = mode
        for parameter, flag in flags:
            parameter.requires_grad_(flag)


def on_device_of(model: nn.Module, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    device = next(model.parameters()).device
    return images.to(device), labels.to(device)
