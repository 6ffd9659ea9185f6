"""The activations of each group's units, caught where the consuming layer takes them in, and the scores made of them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from pruning.calibration import caught, on_device_of, undisturbed
from pruning.importance.base import Evidence, Scores, nothing_reads


def carriers_of(evidence: Evidence) -> dict[str, nn.Module]:
    """Group name → the module whose input its units are; raises UserError where no module takes them in."""
    found = {}
    for group in evidence.groups:
        if group.count and group.activation is None:
            raise nothing_reads(group)
        if group.count:
            found[group.name] = evidence.model.get_submodule(str(group.activation))
    return found


def by_unit(values: Tensor, carrier: nn.Module, count: int) -> Tensor:
    """The input of a group's `activation` module, unit by unit: (images, count, elements), all numbers of a unit.

    Units lie along dimension 1 before a convolution and along the last before a linear layer, each on as many
    consecutive features as there are features per unit: head_dim for a head, one for a neuron or channel.
    """
    units_first = values if isinstance(carrier, nn.Conv2d) else values.movedim(-1, 1)
    return units_first.reshape(len(values), count, -1)


def mean_of(evidence: Evidence, element: Callable[[Tensor], Tensor]) -> dict[str, Tensor]:
    """Group name → (count,): the mean of `element` of each unit's activations over samples, positions and features."""
    carriers = carriers_of(evidence)
    counts = {group.name: group.count for group in evidence.groups}
    sums = {name: torch.zeros(count, dtype=torch.float64) for name, count in counts.items()}
    sizes = dict.fromkeys(counts, 0)

    def catch(name: str, values: Tensor) -> None:
        sums[name] += by_unit(element(values.double()), carriers[name], counts[name]).sum(dim=(0, 2)).cpu()
        sizes[name] += values.numel() // counts[name]

    with undisturbed(evidence.model), torch.no_grad(), caught(carriers, catch):
        for images, labels in evidence.batches or ():
            evidence.model(on_device_of(evidence.model, images, labels)[0])
    return {name: total / max(1, sizes[name]) for name, total in sums.items()}


def activation_l1(evidence: Evidence) -> Scores:
    """Mean |a| of the unit's activations over the calibration batches."""
    return mean_of(evidence, lambda a: a.abs())


def activation_l2(evidence: Evidence) -> Scores:
    """The root mean square of the unit's activations over the calibration batches."""
    return {name: mean.sqrt() for name, mean in mean_of(evidence, lambda a: a.square()).items()}
