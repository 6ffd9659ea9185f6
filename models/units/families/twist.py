"""The inner channels of TwistNet's blocks: read by `conv2` and by whatever twists them."""

from __future__ import annotations

from models.networks.twistnet import TwistBlock
from models.units.families.channels import Passage, by_channels

TWIST_BLOCK = by_channels(
    (TwistBlock,), lambda block: {"": Passage(("conv1", "bn1"), ("conv2", *block.readers_of_inner()))}
)
