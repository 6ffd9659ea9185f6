"""The groups of RegNet's bottlenecks: a 1x1 convolution, a grouped one, squeeze-excitation, a 1x1 convolution."""

from __future__ import annotations

from timm.models.regnet import Bottleneck

from models.units.channels import Passage, by_channels
from models.units.grouped import is_grouped

PLAIN = {
    "conv1": Passage(("conv1.conv", "conv1.bn"), ("conv2.conv",), absent=("conv1.aa",)),
    "conv2": Passage(("conv2.conv", "conv2.bn"), ("conv3.conv",), squeeze=("se",), absent=("conv2.aa",)),
}
GROUPED = {
    "": Passage(
        ("conv1.conv", "conv1.bn", "conv2.conv", "conv2.bn"),
        ("conv3.conv",),
        squeeze=("se",),
        absent=("conv1.aa", "conv2.aa"),
    )
}

REGNET_BOTTLENECK = by_channels((Bottleneck,), lambda block: GROUPED if is_grouped(block.conv2.conv) else PLAIN)
