"""The hidden neurons of timm's `Mlp`: a row of `fc1` and its bias, a column of `fc2`.

An MLP over the tokens of an image (MLP-Mixer's `mlp_tokens`) has neurons of another kind: each reads and writes positions
where those of other MLPs read and write features, so the two are never ranked together.
"""

from __future__ import annotations

import torch
from timm.layers.mlp import GluMlp, Mlp, SwiGLU
from torch import nn

from models.units.base import Family, TiedSlice, UnitGroup, of_layer
from models.units.structure import Kind

TOKEN_MIXING = "mlp_tokens"
"""The name that timm's mixing blocks give the MLP whose input they have transposed."""
NARROWED = "narrowed"
"""Marks an MLP of a block whose stream has lost channels, however few it reads by now."""
COORDINATES = 3
"""An MLP of no more inputs reads positions, not features: the relative ones that a position bias is made of."""


def neurons(name: str, mlp: Mlp) -> tuple[UnitGroup, ...]:
    """One group of all hidden neurons."""
    count = mlp.fc1.weight.shape[0]
    each = torch.arange(count).unsqueeze(1)
    slices = [*of_layer(f"{name}.fc1", mlp.fc1, 0, each), TiedSlice(f"{name}.fc2.weight", 1, each)]
    return (UnitGroup(name, kind_of(name), count, tuple(slices), f"{name}.fc2"),)


def kind_of(name: str) -> Kind:
    """The kind of the neurons of an MLP that has this name in the network."""
    return "token_neuron" if name.rpartition(".")[2] == TOKEN_MIXING else "neuron"


def why_whole(mlp: Mlp | GluMlp | SwiGLU) -> str | None:
    """Why an MLP cannot be cut exactly, or None."""
    return None if isinstance(mlp.norm, nn.Identity) else "MLP with a norm over its hidden neurons"


def reads_features(mlp: Mlp) -> bool:
    """Whether it is an MLP of a block, and not one that makes a position bias."""
    return hasattr(mlp, NARROWED) or int(mlp.fc1.weight.shape[1]) > COORDINATES


MLP_CLASSES = (Mlp,)
MLP = Family("neuron", MLP_CLASSES, neurons, why_whole, reads_features)
