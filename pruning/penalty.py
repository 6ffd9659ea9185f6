"""The RSST penalty on the weights themselves: shrink the tied parameters of the units that are about to go.

Decoupled, w <- w*(1 - lr*lambda), after the optimiser's step; an adaptive optimiser would normalise an L2 gradient away
(Loshchilov & Hutter, ICLR 2019). `gradient` adds lambda*w to the gradient before the step, the form of GReg and RST.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.units.base import UnitGroup


@dataclass(frozen=True)
class Penalised:
    """One parameter and a 0/1 mask, broadcastable to it and of its dtype, with 1 on the elements that shrink."""

    parameter: nn.Parameter
    mask: Tensor


def penalised(
    model: nn.Module, groups: Sequence[UnitGroup], positions: Mapping[str, Sequence[int]]
) -> tuple[Penalised, ...]:
    """Every tied parameter of the units at these positions, biases and norms included, buffers left out.

    An element that belongs to two of the units, as where both ends of a convolution lose channels, shrinks once only.
    Made once per state, for the network on its device; valid until the network is cut.
    """
    parameters = dict(model.named_parameters())
    masks: dict[str, Tensor] = {}
    for group in groups:
        units = sorted(positions.get(group.name, ()))
        if not units:
            continue
        for tied in group.slices:
            if not tied.is_parameter:
                continue
            mask = _mask_along(parameters[tied.tensor], tied.dim, tied.of(units))
            earlier = masks.get(tied.tensor)
            masks[tied.tensor] = mask if earlier is None else torch.maximum(earlier, mask)
    return tuple(Penalised(parameters[name], mask) for name, mask in masks.items())


def apply_decoupled(targets: Sequence[Penalised], rate: float | Tensor) -> None:
    """w <- w*(1 - rate) in place on the targets' elements alone; `rate` is lr*lambda, in [0, 1).

    As a scalar tensor it is read on the device, and is another one each time that a recorded step is replayed.
    """
    if isinstance(rate, float) and rate == 0.0:
        return
    with torch.no_grad():
        for target in targets:
            _add_share(target.parameter, target, -rate)


def add_gradient(targets: Sequence[Penalised], strength: float | Tensor) -> None:
    """grad <- grad + lambda*w on the targets' elements alone, `strength` being lambda; a missing gradient is made.

    `strength` as `rate` of `apply_decoupled`.
    """
    if isinstance(strength, float) and strength == 0.0:
        return
    with torch.no_grad():
        for target in targets:
            if target.parameter.grad is None:
                target.parameter.grad = torch.zeros_like(target.parameter)
            _add_share(target.parameter.grad, target, strength)


def _add_share(to: Tensor, target: Penalised, share: float | Tensor) -> None:
    if isinstance(share, Tensor):
        to.addcmul_(target.parameter, target.mask * share)
    else:
        to.addcmul_(target.parameter, target.mask, value=share)


def _mask_along(parameter: Tensor, dim: int, index: Tensor) -> Tensor:
    shape = [1] * parameter.dim()
    shape[dim] = parameter.shape[dim]
    line = torch.zeros(parameter.shape[dim], dtype=parameter.dtype, device=parameter.device)
    line[index.to(parameter.device)] = 1
    return line.reshape(shape)
