"""The inner channels of TwistNet's blocks: read by `conv2` and by whatever twists them."""

from __future__ import annotations

from models.networks.twistnet import TwistBlock
from models.units.base import Family, UnitGroup, inner_channels


def channels(name: str, block: TwistBlock) -> tuple[UnitGroup, ...]:
    """One group, read by all that reads the block's inner map."""
    return (inner_channels(name, name, block, "conv1", "bn1", ["conv2", *block.readers_of_inner()]),)


TWIST_BLOCK = Family("channel", (TwistBlock,), channels)
