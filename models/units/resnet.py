"""The inner channels of ResNet's `BasicBlock` and `Bottleneck`: a convolution's outputs, its norm, the next one's inputs.

In ResNeXt's bottlenecks, whose middle convolution is grouped, the units are its groups.
"""

from __future__ import annotations

from timm.models.resnet import BasicBlock, Bottleneck

from models.units.channels import Passage, by_channels
from models.units.grouped import is_grouped

BETWEEN_NORM_AND_READER = ("drop_block", "aa")
IN_BASIC_BLOCK = {"": Passage(("conv1", "bn1"), ("conv2",), absent=BETWEEN_NORM_AND_READER)}
IN_BOTTLENECK = {
    "conv1": Passage(("conv1", "bn1"), ("conv2",)),
    "conv2": Passage(("conv2", "bn2"), ("conv3",), absent=BETWEEN_NORM_AND_READER),
}
IN_GROUPED_BOTTLENECK = {
    "": Passage(("conv1", "bn1", "conv2", "bn2"), ("conv3",), absent=BETWEEN_NORM_AND_READER),
}

BASIC_BLOCK = by_channels((BasicBlock,), lambda block: IN_BASIC_BLOCK)
BOTTLENECK = by_channels(
    (Bottleneck,), lambda block: IN_GROUPED_BOTTLENECK if is_grouped(block.conv2) else IN_BOTTLENECK
)
