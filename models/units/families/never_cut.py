"""Blocks that are known and stay whole whatever is in them: each unit acts on all others, so that none goes without a trace."""

from __future__ import annotations

from timm.layers.mlp import GatedMlp, GlobalResponseNormMlp
from timm.models._efficientnet_blocks import DepthwiseSeparableConv
from timm.models.cait import ClassAttn, TalkingHeadAttn
from torch import nn

from models.units.base import Family, UnitGroup
from models.units.structure import Kind


def whole(kind: Kind, block: type[nn.Module], reason: str) -> Family:
    """A family of one class that is never cut."""
    return Family(kind, (block,), _no_groups, lambda module: reason)


def _no_groups(name: str, module: nn.Module) -> tuple[UnitGroup, ...]:
    raise ValueError(f"{name}: a {type(module).__name__} has no units that could be cut")


NEVER_CUT: tuple[Family, ...] = (
    whole("head", TalkingHeadAttn, "attention that mixes its heads (talking heads)"),
    whole("head", ClassAttn, "attention of the class token, whose head width follows from the number of heads"),
    whole("neuron", GlobalResponseNormMlp, "MLP that divides each neuron by the mean of all (global response norm)"),
    whole("neuron", GatedMlp, "MLP whose gate mixes tokens and normalises over the neurons"),
    whole("channel", DepthwiseSeparableConv, "depthwise block, whose channels are those between the blocks"),
)
