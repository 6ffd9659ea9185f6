"""The expanded channels of inverted residuals (MobileNet, MnasNet, EfficientNet and their kin, MaxViT, TinyViT, ReXNet).

Made by a 1x1 convolution (`EdgeResidual`: one with a larger kernel), each goes by itself through the depthwise convolution and
its norms and is scaled by squeeze-excitation, which reads it too, until the last 1x1 convolution reads it. Where the middle
convolution has groups of several channels, these are the units.
"""

from __future__ import annotations

from timm.models._efficientnet_blocks import EdgeResidual, InvertedResidual, UniversalInvertedResidual
from timm.models.maxxvit import MbConvBlock
from timm.models.rexnet import LinearBottleneck
from timm.models.tiny_vit import MBConv
from torch import nn

from models.units.families.channels import Passage, by_channels

PASSAGES: dict[type[nn.Module], Passage] = {
    InvertedResidual: Passage(("conv_pw", "bn1", "conv_dw", "bn2"), ("conv_pwl",), ("se",), ("aa",)),
    EdgeResidual: Passage(("conv_exp", "bn1"), ("conv_pwl",), ("se",), ("aa",)),
    UniversalInvertedResidual: Passage(
        ("pw_exp.conv", "pw_exp.bn", "dw_mid.conv", "dw_mid.bn"), ("pw_proj.conv",), ("se",), ("pw_exp.aa", "dw_mid.aa")
    ),
    MbConvBlock: Passage(("conv1_1x1", "norm1", "conv2_kxk", "norm2"), ("conv3_1x1",), ("se_early", "se")),
    MBConv: Passage(("conv1.conv", "conv1.bn", "conv2.conv", "conv2.bn"), ("conv3.conv",)),
    LinearBottleneck: Passage(
        ("conv_exp.conv", "conv_exp.bn", "conv_dw.conv", "conv_dw.bn"), ("conv_pwl.conv",), ("se",)
    ),
}

INVERTED_RESIDUAL = by_channels(tuple(PASSAGES), lambda block: {"": PASSAGES[type(block)]})
