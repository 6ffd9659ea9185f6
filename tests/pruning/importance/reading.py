"""What the layer that reads a group takes in, and what taking units out costs it, each time solved from the start."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from models.units.base import UnitGroup
from pruning.importance.solved_again import RIDGE


def reading(model: nn.Module, group: UnitGroup, data: list) -> tuple[Tensor, Tensor, list[list[int]], bool]:
    """What the layer that reads a group takes in, (rows, inputs), its weight (outputs, inputs), each unit's inputs, and whether
    it has a bias; patches by indexing."""
    layer, caught = model.get_submodule(group.activation), list[Tensor]()
    handle = layer.register_forward_pre_hook(lambda module, args: caught.append(args[0]))
    with torch.no_grad():
        model.eval()(torch.cat([x for x, _ in data]))
    handle.remove()
    value = caught[0].double()
    weight = layer.weight.detach().double()
    if isinstance(layer, nn.Linear):
        rows, each = value.flatten(0, 1), value.shape[-1] // group.count
    else:
        rows, each = patches(value, layer), weight[0, 0].numel()
    inputs = [list(range(unit * each, (unit + 1) * each)) for unit in range(group.count)]
    return rows, weight.flatten(1), inputs, layer.bias is not None


def patches(value: Tensor, layer: nn.Conv2d) -> Tensor:
    side, around = layer.kernel_size[0], layer.padding[0]
    padded = nn.functional.pad(value, (around,) * 4)
    places = [(i, j) for i in range(padded.shape[2] - side + 1) for j in range(padded.shape[3] - side + 1)]
    cut = [padded[:, :, i : i + side, j : j + side].flatten(1) for i, j in places]
    return torch.stack(cut, dim=1).flatten(0, 1)


def error_without(gone: Iterable[int], rows: Tensor, weight: Tensor, has_bias: bool) -> float:
    """min Σ‖W x - W' x - b‖² + ridge ‖W' - W‖² over W' that is zero at `gone`, as a share of how much the output varies.

    The moves are solved for as one stacked least-squares problem: the columns that go are a given move.
    """
    centre = rows.mean(0) if has_bias else torch.zeros_like(rows[0])
    ridge = RIDGE * (rows - centre).square().sum(0).mean()
    seen = torch.cat([rows - centre, ridge.sqrt() * torch.eye(rows.shape[1], dtype=rows.dtype)])
    lost = sorted(gone)
    kept = [column for column in range(rows.shape[1]) if column not in lost]
    target = seen[:, lost] @ weight[:, lost].T
    left = target
    if kept:
        left = target - seen[:, kept] @ torch.linalg.lstsq(seen[:, kept], target, driver="gelsd").solution
    return float(left.square().sum() / ((rows - centre) @ weight.T).square().sum())


def by_brute_force(rows: Tensor, weight: Tensor, inputs: list[list[int]], has_bias: bool) -> list[float]:
    """Each unit's score: at every step all that are left are tried, each time solving again from the start."""
    gone: list[int] = []
    scores = [0.0] * len(inputs)
    left = list(range(len(inputs)))
    while left:
        errors = {unit: error_without([*gone, *inputs[unit]], rows, weight, has_bias) for unit in left}
        unit = min(left, key=lambda one: errors[one])
        scores[unit] = errors[unit]
        gone += inputs[unit]
        left.remove(unit)
    return scores
