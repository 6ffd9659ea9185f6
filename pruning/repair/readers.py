"""The layers that read a group's units, and their inputs as rows: one for each token, position or patch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from timm.layers.conv2d_same import Conv2dSame
from timm.layers.padding import pad_same
from torch import Tensor, nn
from torch.nn import functional

from models.units.base import UnitGroup, reader_of
from models.units.empty_layers import EmptyConv2dSame

AT_A_TIME = 16_384
"""Rows that are worked on together: what their sums are taken from need not lie in memory at once."""


@dataclass(frozen=True)
class Reading:
    """A linear layer or a convolution that reads a group's units. `columns` (units, inputs of a unit) are those of its weight
    as a matrix (outputs, inputs), where a convolution's inputs are channel by channel the places of its kernel."""

    name: str
    layer: nn.Linear | nn.Conv2d
    columns: Tensor

    @property
    def matrix(self) -> Tensor:
        """(outputs, inputs), float64."""
        return self.layer.weight.detach().flatten(1).double()

    def rows(self, values: Tensor) -> Iterator[Tensor]:
        """Its input `values` as (rows, inputs), so many rows at a time, in order."""
        layer = self.layer
        if isinstance(layer, nn.Linear):
            yield from torch.split(values.reshape(-1, values.shape[-1]), AT_A_TIME)
            return
        assert not isinstance(layer.padding, str), f"{self.name} is padded by name"
        patches_of_image = max(1, values[0, 0].numel() // (layer.stride[0] * layer.stride[1]))
        for part in torch.split(values, max(1, AT_A_TIME // patches_of_image)):
            if isinstance(layer, Conv2dSame | EmptyConv2dSame):
                part = pad_same(part, list(layer.kernel_size), list(layer.stride), list(layer.dilation))
            patches = functional.unfold(part, layer.kernel_size, layer.dilation, layer.padding, layer.stride)
            yield patches.transpose(1, 2).flatten(0, 1)


@dataclass(frozen=True)
class Reader(Reading):
    """Some of its inputs go: `kept` and `gone` are columns of its matrix, sorted."""

    kept: Tensor
    gone: Tensor

    def set(self, matrix: Tensor, shift: Tensor | None = None) -> None:
        """Write (outputs, inputs) into the layer's weight, and add (outputs,) to its bias where it has one."""
        with torch.no_grad():
            self.layer.weight.copy_(matrix.view_as(self.layer.weight))
            if shift is not None and self.layer.bias is not None:
                self.layer.bias.copy_(self.layer.bias.double() + shift)


@contextmanager
def silenced(readers: Sequence[Reader]) -> Iterator[None]:
    """While open the network answers as it will without the units that go, and has them still."""
    weights = [reader.layer.weight for reader in readers]
    before = [weight.detach().clone() for weight in weights]
    try:
        for reader in readers:
            matrix = reader.matrix
            matrix[:, reader.gone] = 0
            reader.set(matrix)
        yield
    finally:
        with torch.no_grad():
            for weight, value in zip(weights, before, strict=True):
                weight.copy_(value)


def readers_of(model: nn.Module, groups: Sequence[UnitGroup], gone: Mapping[str, Sequence[int]]) -> tuple[Reader, ...]:
    """The readers of every group that loses units; `gone` are positions in the present network, by group."""
    found = []
    for group in groups:
        units = sorted(gone.get(group.name, ()))
        if not units:
            continue
        stays = sorted(set(range(group.count)) - set(units))
        for reading in readings_of(model, group):
            kept, lost = (reading.columns[some].flatten().sort().values for some in (stays, units))
            found.append(Reader(reading.name, reading.layer, reading.columns, kept, lost))
    return tuple(found)


def readings_of(model: nn.Module, group: UnitGroup) -> tuple[Reading, ...]:
    """The layers that read the units of this group."""
    found = []
    for tied in group.slices:
        layer = reader_of(model, tied)
        if layer is not None:
            found.append(Reading(tied.tensor.rpartition(".")[0], layer, _columns(tied.index, layer)))
    return tuple(found)


def _columns(index: Tensor, layer: nn.Linear | nn.Conv2d) -> Tensor:
    """Of these inputs (units, elements) the columns of the layer's weight as a matrix, unit by unit."""
    each = math.prod(layer.kernel_size) if isinstance(layer, nn.Conv2d) else 1
    columns = index.unsqueeze(2) * each + torch.arange(each)
    return columns.flatten(1).to(layer.weight.device)
