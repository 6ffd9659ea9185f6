"""The hidden neurons of timm's `Mlp`: a row of `fc1` and its bias, a column of `fc2`."""

from __future__ import annotations

import torch
from timm.layers.mlp import Mlp
from torch import nn

from models.units.base import Family, TiedSlice, UnitGroup, of_layer


def neurons(name: str, mlp: Mlp) -> tuple[UnitGroup, ...]:
    """One group of all hidden neurons."""
    count = mlp.fc1.weight.shape[0]
    each = torch.arange(count).unsqueeze(1)
    slices = [*of_layer(f"{name}.fc1", mlp.fc1, 0, each), TiedSlice(f"{name}.fc2.weight", 1, each)]
    return (UnitGroup(name, "neuron", count, tuple(slices), f"{name}.fc2"),)


def why_whole(mlp: Mlp) -> str | None:
    """Why an MLP cannot be cut exactly, or None."""
    return None if isinstance(mlp.norm, nn.Identity) else "MLP with a norm over its hidden neurons"


MLP = Family((Mlp,), neurons, why_whole)
