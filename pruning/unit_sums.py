"""Sums over the tied parameters of each unit, the ground of every weight score."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from models.units.base import TiedSlice, UnitGroup

Counted = Callable[[TiedSlice], bool]


def every_parameter(tied: TiedSlice) -> bool:
    """Biases and norm weights included; buffers are none."""
    return tied.is_parameter


def unit_sums(model: nn.Module, groups: Sequence[UnitGroup], element: Callable[[Tensor], Tensor]) -> dict[str, Tensor]:
    """Group name → (count,) float64 on the CPU: the sum over each unit's tied parameters of `element` of them.

    Every tied parameter counts, biases and norm weights included; buffers do not.
    """
    parameters = dict(model.named_parameters())
    return sum_by_unit(groups, lambda name: element(parameters[name].detach()))


def sum_by_unit(
    groups: Sequence[UnitGroup], values: Callable[[str], Tensor], counted: Counted = every_parameter
) -> dict[str, Tensor]:
    """Like `unit_sums`, over any tensors shaped like the parameters, which `values` gives by parameter name; of those that are
    `counted`."""
    sums = {}
    for group in groups:
        total = torch.zeros(group.count, dtype=torch.float64)
        for tied in filter(counted, group.slices):
            total.index_add_(0, tied.owners, per_index(values(tied.tensor), tied.dim)[tied.index.cpu()].sum(dim=1))
        sums[group.name] = total
    return sums


def per_index(values: Tensor, dim: int) -> Tensor:
    """(size of `dim`,) float64 on the CPU: the sums over all other dimensions."""
    others = [other for other in range(values.dim()) if other != dim % values.dim()]
    if not others:
        return values.double().cpu()
    return values.sum(dim=others, dtype=torch.float64).cpu()


def unit_sizes(model: nn.Module, groups: Sequence[UnitGroup], counted: Counted = every_parameter) -> dict[str, int]:
    """Elements of the tied parameters that one unit of each group holds, of those that are `counted`; where units differ, as
    branches may, on average."""
    parameters = dict(model.named_parameters())
    held = {
        group.name: sum(
            tied.index.numel() * (parameters[tied.tensor].numel() // max(1, parameters[tied.tensor].shape[tied.dim]))
            for tied in filter(counted, group.slices)
        )
        for group in groups
    }
    return {group.name: held[group.name] // max(1, group.count) for group in groups}
