"""The interaction heads of TwistNet's blocks: unit u is one direction, with its features and their products.

A head's own layers are its unit's alone; of what all heads of a block share it has its columns of the gate and of the
projection, and its part of the norm. A row of `reduce` is a head's, and a column an inner channel's.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from models.networks.twistnet import CHANNELS_PER_NORM_GROUP, InteractionHead, Interactions
from models.units.across.base import Across, Counts
from models.units.base import TiedSlice, UnitGroup, of_layer, whole_of
from models.units.group_norm import declare_kept


class CutInteractions(Interactions):
    """Interactions that have lost heads. Without any they are what their projection makes of nothing, a constant."""

    def forward(self, x: Tensor) -> Tensor:
        features = [head(x) for head in heads_of(self) if is_there(head)]
        return self.merged(torch.cat(features, dim=1) if features else x.new_zeros((x.shape[0], 0, *x.shape[2:])))


CLASSES = (Interactions, CutInteractions)


def interaction_groups(model: nn.Module) -> tuple[UnitGroup, ...]:
    """One group for each block; a unit for each head that is still there, in order."""
    return tuple(_group(name, interactions) for name, interactions in interactions_of(model))


def why_not(model: nn.Module) -> str | None:
    """Why no interaction head of this network can be taken out, or None."""
    return None if any(interactions_of(model)) else "it has no TwistNet block"


def interactions_of(model: nn.Module) -> Iterator[tuple[str, Interactions]]:
    """Name and module of the interactions of every block, cut or not."""
    for name, module in model.named_modules():
        if isinstance(module, Interactions) and type(module) in CLASSES:
            yield name, module


def heads_of(interactions: Interactions) -> list[InteractionHead]:
    """All heads, in order, those included that are gone."""
    return [head for head in interactions.heads if isinstance(head, InteractionHead)]


def is_there(head: InteractionHead) -> bool:
    """A head that is gone has no rows; its module stays, so that the others keep their names."""
    return len(head.reduce.weight) > 0


def _group(name: str, interactions: Interactions) -> UnitGroup:
    slices, widths = list[TiedSlice](), list[int]()
    for number, head in enumerate(heads_of(interactions)):
        if is_there(head):
            slices += whole_of(f"{name}.heads.{number}", head, len(widths))
            widths.append(head.out_channels)
    features = torch.arange(sum(widths)).reshape(len(widths), sum(widths) // max(1, len(widths)))
    if not isinstance(interactions.gate, nn.Identity):
        slices.append(TiedSlice(f"{name}.gate.fc1.weight", 1, features))
        slices += of_layer(f"{name}.gate.fc2", interactions.gate.get_submodule("fc2"), 0, features)
    slices += of_layer(f"{name}.norm", interactions.norm, 0, features)
    slices.append(TiedSlice(f"{name}.project.weight", 1, features))
    return UnitGroup(name, "interaction", len(widths), tuple(slices), f"{name}.project")


def _after_cut(model: nn.Module, counts: Counts) -> None:
    for _, interactions in list(interactions_of(model)):
        heads = heads_of(interactions)
        if not all(map(is_there, heads)):
            interactions.__class__ = CutInteractions
            kept = [is_there(head) for head in heads for _ in range(head.out_channels)]
            declare_kept(interactions.norm, kept, CHANNELS_PER_NORM_GROUP)


INTERACTION = Across(interaction_groups, why_not, _after_cut)
