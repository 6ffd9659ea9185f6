"""What a criterion is given and gives: a function of `Evidence` to `Scores`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.errors import UserError
from models.units.base import UnitGroup
from models.units.structure import WORDS

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


def nothing_reads(group: UnitGroup) -> UserError:
    """For a criterion that looks at what a unit hands on, where no layer takes the units in by weights of its own."""
    return UserError(
        f"this criterion judges {WORDS[group.kind]} by the layer that reads them, and {group.name} has none; choose one "
        "that looks at weights or gradients, such as taylor",
        key="prune.criterion",
    )
