"""The inner channels of ResNet's `BasicBlock` and `Bottleneck`: a convolution's outputs, its norm, the next one's inputs.

In ResNeXt's bottlenecks, whose middle convolution is grouped, the units are its groups.
"""

from __future__ import annotations

from timm.models.resnet import BasicBlock, Bottleneck

from models.units.families.bottleneck import Layers
from models.units.families.channels import Passage, by_channels

BEFORE_THE_LAST = ("drop_block", "aa")
IN_BASIC_BLOCK = {"": Passage(("conv1", "bn1"), ("conv2",), absent=BEFORE_THE_LAST)}

BASIC_BLOCK = by_channels((BasicBlock,), lambda block: IN_BASIC_BLOCK)
BOTTLENECK = by_channels(
    (Bottleneck,), Layers(("conv1", "bn1"), ("conv2", "bn2"), "conv3", absent=BEFORE_THE_LAST).passages
)
