"""The hidden neurons of gated MLPs, timm's `GluMlp` and `SwiGLU`: the product of two rows, one of them through an activation.

A unit is the pair of rows with their biases, and the column of `fc2` that reads their product. `GluMlp` has both in one layer,
all of the first rows before all of the second.
"""

from __future__ import annotations

import torch
from timm.layers.mlp import GluMlp, SwiGLU
from timm.models.vitamin import GeGluMlp

from models.units.base import Family, TiedSlice, UnitGroup, of_layer
from models.units.families.mlp import kind_of, why_whole


def packed(name: str, mlp: GluMlp) -> tuple[UnitGroup, ...]:
    """One group; neuron u owns rows u and u + count of `fc1`."""
    count = mlp.fc2.weight.shape[1]
    each = torch.arange(count).unsqueeze(1)
    slices = [
        *of_layer(f"{name}.fc1", mlp.fc1, 0, torch.cat([each, each + count], dim=1)),
        TiedSlice(f"{name}.fc2.weight", 1, each),
    ]
    return (UnitGroup(name, kind_of(name), count, tuple(slices), f"{name}.fc2"),)


def in_two_layers(name: str, mlp: SwiGLU | GeGluMlp) -> tuple[UnitGroup, ...]:
    """One group; neuron u owns row u of each of the two layers."""
    one, other, reader = ("fc1_g", "fc1_x", "fc2") if isinstance(mlp, SwiGLU) else ("w0", "w1", "w2")
    count = mlp.get_parameter(f"{reader}.weight").shape[1]
    each = torch.arange(count).unsqueeze(1)
    slices = [
        *of_layer(f"{name}.{one}", mlp.get_submodule(one), 0, each),
        *of_layer(f"{name}.{other}", mlp.get_submodule(other), 0, each),
        TiedSlice(f"{name}.{reader}.weight", 1, each),
    ]
    return (UnitGroup(name, kind_of(name), count, tuple(slices), f"{name}.{reader}"),)


GLU_CLASSES = (GluMlp, SwiGLU)
"""Classes whose layers are called fc1, or fc1_g and fc1_x, and fc2."""
GLU_MLP = Family("neuron", (GluMlp,), packed, why_whole)
SWIGLU = Family("neuron", (SwiGLU,), in_two_layers, why_whole)
GEGLU = Family("neuron", (GeGluMlp,), in_two_layers)
"""Its norm lies before the two layers."""
