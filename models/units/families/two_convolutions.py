"""Residual blocks of two convolutions, beside ResNet's, with channels of the block's own between them: those of DLA, legacy
SENet, pre-activation ResNet with BatchNorm, BYOB networks and CSPNet."""

from __future__ import annotations

from timm.models.byobnet import BasicBlock, DarkBlock, EdgeBlock
from timm.models.cspnet import DarkBlock as CspDarkBlock
from timm.models.cspnet import EdgeBlock as CspEdgeBlock
from timm.models.dla import DlaBasic
from timm.models.resnetv2 import PreActBasic
from timm.models.senet import SEResNetBlock
from torch import nn

from models.units.families.channels import Passage, by_channels


def _between(first: str, last: str) -> Passage:
    """Two of timm's `ConvNormAct`, with squeeze-excitation after the first."""
    return Passage((f"{first}.conv", f"{first}.bn"), (f"{last}.conv",), ("attn",), (f"{first}.aa",))


PASSAGES: dict[type[nn.Module], Passage] = {
    BasicBlock: _between("conv1_kxk", "conv2_kxk"),
    DarkBlock: _between("conv1_1x1", "conv2_kxk"),
    EdgeBlock: _between("conv1_kxk", "conv2_1x1"),
    CspDarkBlock: _between("conv1", "conv2"),
    CspEdgeBlock: _between("conv1", "conv2"),
    DlaBasic: Passage(("conv1", "bn1"), ("conv2",)),
    PreActBasic: Passage(("conv1", "norm2"), ("conv2",)),
    SEResNetBlock: Passage(("conv1", "bn1"), ("conv2",)),
}

TWO_CONVOLUTIONS = by_channels(tuple(PASSAGES), lambda block: {"": PASSAGES[type(block)]})
