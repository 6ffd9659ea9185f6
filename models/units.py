"""UnitGroup: the units that can be removed together with every tensor tied to them.

The only place that knows where a head's, a neuron's or a channel's weights lie. Scores, penalties, costs and removal
all derive from these descriptions.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from models.structure import Kind


@dataclass(frozen=True)
class TiedSlice:
    """The part of one tensor that belongs to each unit of a group.

    `tensor` is its name in the state dict; `dim` the dimension that is cut; `index` an int64 tensor of shape
    (units, elements): row u lists the indices along `dim` that belong to unit u. `is_parameter` is False for buffers
    such as BatchNorm's running statistics, which are cut but neither scored nor penalised.
    """

    tensor: str
    dim: int
    index: Tensor
    is_parameter: bool = True


@dataclass(frozen=True)
class UnitGroup:
    """Units 0..count-1 of one attention, one MLP or one convolution block, *as the network stands now*.

    Unit positions count within the present network; `Structure.kept(name)` maps a position to the original index.
    `activation` names the module whose input (see `activation_of`) carries this group's activations, channel-wise:
    the head's input to `proj`, the hidden neurons' input to `fc2`, the inner map's input to `conv2`.
    """

    name: str
    kind: Kind
    count: int
    slices: tuple[TiedSlice, ...]
    activation: str
