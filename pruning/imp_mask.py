"""Unstructured magnitude masks, global within each kind, and the widths that they give (IMP and Refill).

Masked are the weights (two dimensions or more) tied to units; biases and norms are not. Fractions are of the original
number of weights of the kind. Chen et al., ICML 2022, arXiv 2202.04736.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from models.units.base import UnitGroup
from models.units.structure import Kind, Structure
from pruning.allocation import floor_of
from pruning.schedules import ROUNDING_GUARD
from pruning.unit_sums import Counted, sum_by_unit, unit_sizes

Masks = dict[str, Tensor]


def weight_totals(model: nn.Module, groups: Sequence[UnitGroup]) -> dict[Kind, int]:
    """How many maskable weights each kind has; of the dense network, the number that kept fractions refer to."""
    owned = _owned_by_kind(model, groups)
    return {kind: sum(int(own.sum()) for own in tensors.values()) for kind, tensors in owned.items()}


def global_masks(
    model: nn.Module,
    groups: Sequence[UnitGroup],
    kept: Mapping[Kind, float],
    totals: Mapping[Kind, int],
    previous: Mapping[str, Tensor] | None = None,
) -> Masks:
    """Parameter name → bool mask, True where the weight survives: the kind's largest |w|, floor(total*kept) of them.

    `totals` as from `weight_totals` of the dense network. What `previous` masks stays masked: for the control `imp`,
    whose network keeps its shape. A network that is cut gets its masks anew each time (`previous` None), since Refill
    brings the masked weights of kept units back. Kinds that `kept` does not name get no mask. Equal magnitudes are
    settled by parameter order, then by position: the earlier weight stays.
    """
    parameters = dict(model.named_parameters())
    for name, mask in (previous or {}).items():
        if mask.shape != parameters[name].shape:
            raise ValueError(f"{name}: a mask of shape {tuple(mask.shape)} from before the network was cut")
    masks: Masks = {}
    for kind, owned in _owned_by_kind(model, groups).items():
        if kind not in kept:
            continue
        budget = math.floor(totals[kind] * kept[kind] + ROUNDING_GUARD)
        free = {
            name: own if previous is None or name not in previous else own & previous[name].bool()
            for name, own in owned.items()
        }
        sizes = [torch.where(free[name], parameters[name].detach().abs(), -1.0).flatten().cpu() for name in free]
        survives = _largest(torch.cat(sizes), budget)
        for name, part in zip(free, torch.split(survives, [size.numel() for size in sizes]), strict=True):
            mask = part.view_as(free[name]).to(owned[name].device) | ~owned[name]
            masks[name] = mask & masks[name] if name in masks else mask
    return masks


def apply_masks(model: nn.Module, masks: Mapping[str, Tensor]) -> None:
    """Zero the masked weights in place; to be called after every optimiser step."""
    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for name, mask in masks.items():
            parameters[name].mul_(mask.to(parameters[name].device))


def surviving(model: nn.Module, groups: Sequence[UnitGroup], masks: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Group name → (count,) float64 on the CPU: each unit's weights that the masks let live."""
    return sum_by_unit(groups, lambda name: masks[name], _maskable(model))


def unit_weights(model: nn.Module, groups: Sequence[UnitGroup]) -> dict[str, int]:
    """Maskable weights that one unit of each group holds in the present network: the unit size of `imp_widths`."""
    return unit_sizes(model, groups, _maskable(model))


def imp_widths(
    model: nn.Module,
    groups: Sequence[UnitGroup],
    structure: Structure,
    masks: Mapping[str, Tensor],
    fillback_rate: float,
    min_kept: float = 1,
) -> dict[str, int]:
    """Units to keep in every group under widths `imp`; use with the scope `layerwise`.

    floor(n + (C - n)*fillback_rate), n = surviving weights / unit size, C the group's original count; at least
    the group's floor (`floor_of`), never above what is there. `fillback_rate` lies in [0, 1].
    """
    alive, size = surviving(model, groups, masks), unit_weights(model, groups)
    counts = {}
    for group in groups:
        filled = float(alive[group.name].sum()) / max(1, size[group.name])
        total = structure.groups[group.name].total
        wanted = math.floor(filled + (total - filled) * fillback_rate + ROUNDING_GUARD)
        counts[group.name] = min(max(wanted, floor_of(total, min_kept)), group.count)
    return counts


def _owned_by_kind(model: nn.Module, groups: Sequence[UnitGroup]) -> dict[Kind, Masks]:
    """Kind → parameter name → bool, True on the elements tied to a unit of that kind, in the groups' order."""
    parameters, maskable = dict(model.named_parameters()), _maskable(model)
    owned: dict[Kind, Masks] = {}
    for group in groups:
        tensors = owned.setdefault(group.kind, {})
        for tied in filter(maskable, group.slices):
            weight = parameters[tied.tensor]
            own = tensors.setdefault(tied.tensor, torch.zeros_like(weight, dtype=torch.bool))
            own.index_fill_(tied.dim, tied.index.flatten().to(weight.device), True)
    return owned


def _maskable(model: nn.Module) -> Counted:
    parameters = dict(model.named_parameters())
    return lambda tied: tied.is_parameter and parameters[tied.tensor].dim() >= 2


def _largest(sizes: Tensor, budget: int) -> Tensor:
    """True on the `budget` largest of `sizes` (CPU), at most those >= 0; the earlier of equals first.

    On the CPU because kthvalue is not deterministic on GPUs.
    """
    available = int((sizes >= 0).sum())
    if budget >= available:
        return sizes >= 0
    if budget <= 0:
        return torch.zeros_like(sizes, dtype=torch.bool)
    threshold = sizes.kthvalue(sizes.numel() - budget + 1).values
    above = sizes > threshold
    equal = sizes == threshold
    room = budget - int(above.sum())
    return above | (equal & (equal.cumsum(0) <= room))
