"""RegNet's bottlenecks, with squeeze-excitation before the last convolution; the units are the groups of the middle one."""

from __future__ import annotations

from timm.models.regnet import Bottleneck

from models.units.families.bottleneck import Layers
from models.units.families.channels import by_channels

REGNET_BOTTLENECK = by_channels(
    (Bottleneck,),
    Layers(
        ("conv1.conv", "conv1.bn"), ("conv2.conv", "conv2.bn"), "conv3.conv", ("se",), ("conv1.aa", "conv2.aa")
    ).passages,
)
