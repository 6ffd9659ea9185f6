"""The layers that read a group's units, and their inputs as rows: one for each token, position or patch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from timm.layers.conv2d_same import Conv2dSame
from timm.layers.padding import pad_same
from torch import Tensor, nn
from torch.nn import functional

from models.units.base import UnitGroup, reader_of
from models.units.compaction import kept_outputs
from models.units.empty_layers import EmptyConv2dSame

AT_A_TIME = 16_384
"""Rows that are worked on together: what their sums are taken from need not lie in memory at once."""


@dataclass(frozen=True)
class Layer:
    """A linear layer or a convolution by its name in the network."""

    name: str
    layer: nn.Linear | nn.Conv2d

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
        named = isinstance(layer.padding, str) or layer.padding_mode != "zeros"
        padding = 0 if isinstance(layer.padding, str) or named else layer.padding
        patches_of_image = max(1, math.prod(values.shape[2:]) // (layer.stride[0] * layer.stride[1]))
        for part in torch.split(values, max(1, AT_A_TIME // patches_of_image)):
            if isinstance(layer, Conv2dSame | EmptyConv2dSame):
                part = pad_same(part, list(layer.kernel_size), list(layer.stride), list(layer.dilation))
            elif named:
                mode = "constant" if layer.padding_mode == "zeros" else layer.padding_mode
                part = functional.pad(part, layer._reversed_padding_repeated_twice, mode)
            patches = functional.unfold(part, layer.kernel_size, layer.dilation, padding, layer.stride)
            yield patches.transpose(1, 2).flatten(0, 1)


@dataclass(frozen=True)
class Reading(Layer):
    """A layer that reads a group's units. `columns` (units, inputs of a unit) are those of its weight as a matrix (outputs,
    inputs), where a convolution's inputs are channel by channel the places of its kernel."""

    columns: Tensor


@dataclass(frozen=True)
class Reader:
    """A layer that has lost inputs, as it is and as it was; `outputs` (outputs now,) are those it had then and has still."""

    now: Layer
    before: Layer
    outputs: Tensor

    @property
    def name(self) -> str:
        return self.now.name

    def rows(self, values: Tensor, before: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Of its inputs now and then, part by part, float64: (rows, inputs now), and (rows, outputs now) of what it gave then
        less what it gives now. A layer without inputs left has rows nevertheless."""
        then, now = self.before.layer, self.now.layer
        # `forward` itself, since a call would be caught once more.
        gave, gives = _as_rows(then, then.forward(before)), _as_rows(now, now.forward(values))
        lost = gave[:, self.outputs.to(gave.device)] - gives
        if not now.weight.numel():
            yield from ((one.new_zeros(len(one), 0).double(), one.double()) for one in torch.split(lost, AT_A_TIME))
            return
        done = 0
        for part in self.now.rows(values):
            yield part.double(), lost[done : done + len(part)].double()
            done += len(part)

    def add(self, change: Tensor, shift: Tensor) -> None:
        """(outputs, inputs) to the layer's weight as a matrix, and (outputs,) to its bias where it has one."""
        weight, bias = self.now.layer.weight, self.now.layer.bias
        with torch.no_grad():
            weight.copy_((self.now.matrix + change).view_as(weight))
            if bias is not None:
                bias.copy_(bias.double() + shift)


def _as_rows(layer: nn.Linear | nn.Conv2d, output: Tensor) -> Tensor:
    """(rows, outputs), in the order of the layer's input rows."""
    return (output.movedim(1, -1) if isinstance(layer, nn.Conv2d) else output).flatten(0, -2)


def readers_of(
    model: nn.Module, before: nn.Module, groups: Sequence[UnitGroup], gone: Mapping[str, Sequence[int]]
) -> tuple[Reader, ...]:
    """The layers of `model` that have lost inputs and are still there. `before` is the network as it was, `groups` describe
    it, and `gone` are positions in it, by group."""
    kept = {group.name: sorted(set(range(group.count)) - set(gone.get(group.name, ()))) for group in groups}
    outputs = kept_outputs(before, groups, kept)
    found = []
    for group in groups:
        if len(kept[group.name]) == group.count:
            continue
        for reading in readings_of(before, group):
            layer, tensor = model.get_submodule(reading.name), f"{reading.name}.weight"
            assert isinstance(layer, nn.Linear | nn.Conv2d), f"{reading.name} is another layer than it was"
            stays = outputs[tensor] if tensor in outputs else torch.arange(len(layer.weight))
            if len(layer.weight):
                found.append(Reader(Layer(reading.name, layer), Layer(reading.name, reading.layer), stays))
    return tuple(found)


def readings_of(model: nn.Module, group: UnitGroup) -> tuple[Reading, ...]:
    """The layers that read the units of this group; of those without outputs, which nothing runs, none."""
    found = []
    for tied in group.slices:
        layer = reader_of(model, tied)
        if layer is not None and len(layer.weight):
            found.append(Reading(tied.tensor.rpartition(".")[0], layer, _columns(tied.index, layer)))
    return tuple(found)


def _columns(index: Tensor, layer: nn.Linear | nn.Conv2d) -> Tensor:
    """Of these inputs (units, elements) the columns of the layer's weight as a matrix, unit by unit."""
    each = math.prod(layer.kernel_size) if isinstance(layer, nn.Conv2d) else 1
    columns = index.unsqueeze(2) * each + torch.arange(each)
    return columns.flatten(1).to(layer.weight.device)
