"""What was found in a network of a user's own: by names of layers, so that it holds for the network dense and cut alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from models.units.base import TiedSlice, UnitGroup, of_layer
from models.units.families.attention import fused
from models.units.families.channels import entries, even
from models.units.structure import Kind


@dataclass(frozen=True)
class Passing:
    """Channels or neurons that are passed on one by one. `makers` have them along dimension 0 of their weights, the first of
    them with one entry for each; `readers` take them in along dimension 1, as many features of each, side by side."""

    name: str
    kind: Kind
    makers: tuple[str, ...]
    readers: tuple[str, ...]

    def group(self, model: nn.Module) -> UnitGroup:
        """As `model` stands now."""
        count = len(model.get_submodule(self.makers[0]).get_parameter("weight"))
        slices: list[TiedSlice] = []
        for name in self.makers:
            layer = model.get_submodule(name)
            slices += of_layer(name, layer, 0, even(entries(layer), count))
        for name in self.readers:
            size = model.get_submodule(name).get_parameter("weight").shape[1]
            slices.append(TiedSlice(f"{name}.weight", 1, even(size, count)))
        return UnitGroup(self.name, self.kind, count, tuple(slices), self.readers[0])


@dataclass(frozen=True)
class Heads:
    """Heads of an attention that counts them in its attribute `number`. `makers` is one layer with the queries, keys and values
    of all heads behind each other, or the three layers; `reader` takes in `head_dim` features of each head."""

    name: str
    number: str
    head_dim: int
    makers: tuple[str, ...]
    reader: str

    kind: Kind = "head"

    def group(self, model: nn.Module) -> UnitGroup:
        """As `model` stands now."""
        reader = f"{self.name}.{self.reader}"
        count = model.get_submodule(reader).get_parameter("weight").shape[1] // self.head_dim
        band = torch.arange(count * self.head_dim).reshape(count, self.head_dim)
        rows = fused(band) if len(self.makers) == 1 else band
        slices: list[TiedSlice] = []
        for maker in self.makers:
            name = f"{self.name}.{maker}"
            slices += of_layer(name, model.get_submodule(name), 0, rows)
        return UnitGroup(self.name, "head", count, (*slices, TiedSlice(f"{reader}.weight", 1, band)), reader)


Found = Passing | Heads


@dataclass(frozen=True)
class Whole:
    """Why a layer's units stay, and what they are."""

    kind: Kind
    reason: str


@dataclass(frozen=True)
class Plan:
    """`whole` are layers by name. `untraced` says why the forward pass could not be followed, or is None."""

    found: tuple[Found, ...]
    whole: Mapping[str, Whole]
    untraced: str | None = None


MARK = "own_heads"


def mark_heads(model: nn.Module, heads: Heads) -> None:
    """Let the attention know what to count its heads by once some of them were cut."""
    setattr(model.get_submodule(heads.name), MARK, heads)


def count_own_heads(block: nn.Module) -> None:
    """Bring the number of heads that an attention of a user's own declares in line with its layers."""
    heads: Heads | None = getattr(block, MARK, None)
    if heads is not None:
        width = block.get_submodule(heads.reader).get_parameter("weight").shape[1]
        setattr(block, heads.number, width // heads.head_dim)
