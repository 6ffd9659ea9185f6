"""The inner channels of ResNet's `BasicBlock` and `Bottleneck`: a convolution's outputs, its norm, the next one's inputs."""

from __future__ import annotations

from timm.models.resnet import BasicBlock, Bottleneck
from torch import nn

from models.units.base import Family, UnitGroup, inner_channels


def basic_channels(name: str, block: BasicBlock) -> tuple[UnitGroup, ...]:
    """One group, between the block's two convolutions."""
    return (inner_channels(name, name, block, "conv1", "bn1", ["conv2"]),)


def bottleneck_channels(name: str, block: Bottleneck) -> tuple[UnitGroup, ...]:
    """Two groups, one on either side of the middle convolution."""
    return (
        inner_channels(f"{name}.conv1", name, block, "conv1", "bn1", ["conv2"]),
        inner_channels(f"{name}.conv2", name, block, "conv2", "bn2", ["conv3"]),
    )


def basic_why_whole(block: BasicBlock) -> str | None:
    """Why a basic block cannot be cut exactly, or None."""
    return _why_whole(block, ("bn1",))


def bottleneck_why_whole(block: Bottleneck) -> str | None:
    """Why a bottleneck cannot be cut exactly, or None."""
    return _why_whole(block, ("bn1", "bn2"), grouped=block.conv2.groups != 1)


def _why_whole(block: BasicBlock | Bottleneck, inner_norms: tuple[str, ...], grouped: bool = False) -> str | None:
    if not all(isinstance(getattr(block, norm), nn.BatchNorm2d) for norm in inner_norms):
        return "ResNet block whose norm is not BatchNorm"
    if grouped:
        return "ResNet block with grouped convolution"
    if not isinstance(block.drop_block, nn.Identity):
        return "ResNet block with drop_block, which scales by statistics over all channels"
    if not isinstance(block.aa, nn.Identity | nn.AvgPool2d):
        return "ResNet block with anti-aliasing"
    return None


BASIC_BLOCK = Family("channel", (BasicBlock,), basic_channels, basic_why_whole)
BOTTLENECK = Family("channel", (Bottleneck,), bottleneck_channels, bottleneck_why_whole)
