"""UnitGroup: the units that can be removed together with every tensor tied to them.

Scores, penalties, costs and removal all derive from these descriptions; each family of blocks describes its own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from models.units.structure import GroupStructure, Kind, Structure


@dataclass(frozen=True)
class TiedSlice:
    """The part of one tensor that belongs to each unit of a group.

    `tensor` is its name in the state dict; `dim` the dimension that is cut; `index` an int64 tensor of shape
    (units, elements): row u lists the indices along `dim` that belong to unit u. `is_parameter` is False for buffers
    such as BatchNorm's running statistics, which are cut but neither scored nor penalised. What no row of `index` names
    belongs to no unit of the group and stays. Where the tensor is one unit's alone, `unit` says whose, and `index` has its
    row only.
    """

    tensor: str
    dim: int
    index: Tensor
    is_parameter: bool = True
    unit: int | None = None

    @property
    def owners(self) -> Tensor:
        """(rows of `index`,): the unit of each."""
        return torch.arange(len(self.index)) if self.unit is None else torch.tensor([self.unit])

    def of(self, units: Collection[int]) -> Tensor:
        """Indices along `dim` that belong to these units."""
        if self.unit is None:
            return self.index[list(units)].flatten()
        return self.index.flatten() if self.unit in units else self.index.new_zeros(0)


@dataclass(frozen=True)
class UnitGroup:
    """Units 0..count-1 of one attention, one MLP, one convolution block or the whole network, *as it stands now*.

    Unit positions count within the present network; `Structure.kept(name)` maps a position to the original index.
    `activation` names the module whose forward *input* carries this group's activations: `proj` for heads, `fc2` for
    neurons, the next convolution for channels. Units lie along dimension 1 of a convolution's input and along the last
    of a linear layer's; each owns size/count consecutive features there (head_dim for a head, the width of a group where
    groups of channels are the units, one for the others). It is None where no module takes the units in.

    `holds` names, unit by unit, the groups that lie within it and end with it, described or not; empty where none do. And
    `ends_with` names the group with whose last unit all units of this one end.
    """

    name: str
    kind: Kind
    count: int
    slices: tuple[TiedSlice, ...]
    activation: str | None
    holds: tuple[tuple[str, ...], ...] = ()
    ends_with: str | None = None

    def held_by(self, positions: Iterable[int]) -> list[str]:
        """The groups that lie within the units at these positions."""
        return [name for position in positions if self.holds for name in self.holds[position]]


@dataclass(frozen=True)
class Family:
    """A family of blocks that can be cut: its module classes, exactly (a subclass may compute something else).

    `groups_of(name, module)` describes the module's groups; `why_whole(module)` says why one cannot be cut exactly, or None,
    and `why_whole_in(model)` why none of them can be within this network. `kind` is what its blocks are made of;
    `is_one(module)` whether a module of these classes is such a block at all. `after_cut(module)` brings a block whose
    tensors were just cut in line with them.
    """

    kind: Kind
    classes: tuple[type[nn.Module], ...]
    groups_of: Callable[[str, Any], tuple[UnitGroup, ...]]
    why_whole: Callable[[Any], str | None] = lambda module: None
    is_one: Callable[[Any], bool] = lambda module: True
    why_whole_in: Callable[[nn.Module], str | None] = lambda model: None
    after_cut: Callable[[Any], None] = lambda module: None


def dense_structure(groups: Iterable[UnitGroup]) -> Structure:
    """The structure in which every unit of `groups` is still there."""
    return Structure(
        {group.name: GroupStructure(group.kind, group.count, tuple(range(group.count))) for group in groups}
    )


def of_layer(name: str, layer: nn.Module, dim: int, index: Tensor) -> list[TiedSlice]:
    """One slice for each own parameter and buffer of a layer that has an entry per output unit (counters have none)."""
    parameters = [TiedSlice(f"{name}.{key}", dim, index) for key, _ in layer.named_parameters(recurse=False)]
    buffers = [
        TiedSlice(f"{name}.{key}", dim, index, is_parameter=False)
        for key, buffer in layer.named_buffers(recurse=False)
        if buffer.ndim > 0
    ]
    return [*parameters, *buffers]


def whole_of(name: str, module: nn.Module, unit: int) -> list[TiedSlice]:
    """Every parameter of a module and every buffer that is stored, as one unit's own; parameters first."""
    stored, parameters = module.state_dict(keep_vars=True), dict(module.named_parameters())
    own = {key: tensor for key, tensor in (parameters | stored).items() if tensor.ndim}
    return [
        TiedSlice(f"{name}.{key}", 0, torch.arange(len(tensor)).unsqueeze(0), key in parameters, unit)
        for key, tensor in own.items()
    ]


def reader_of(model: nn.Module, tied: TiedSlice) -> nn.Linear | nn.Conv2d | None:
    """The layer that takes the units in through this slice, along the inputs of its weight; None for every other slice."""
    name, _, key = tied.tensor.rpartition(".")
    layer = model.get_submodule(name)
    return layer if key == "weight" and tied.dim == 1 and isinstance(layer, nn.Linear | nn.Conv2d) else None
