"""The hidden neurons of MLPs beside timm's `Mlp`: made by a 1x1 convolution or linear layer, normalised one by one or not at
all, through a depthwise convolution or none, and read by a second such layer.

Where that depthwise convolution is one of groups (Visformer), a unit is a group of neurons.
"""

from __future__ import annotations

from timm.layers.mlp import ConvMlp
from timm.models.efficientformer import ConvMlpWithNorm
from timm.models.efficientformer_v2 import ConvMlpWithNorm as ConvMlpOfNorms
from timm.models.efficientvit_msra import ConvMlp as EfficientVitMlp
from timm.models.fastvit import ConvMlp as FastVitMlp
from timm.models.inception_next import ConvMlp as InceptionNextMlp
from timm.models.pvt_v2 import MlpWithDepthwiseConv
from timm.models.repvit import RepVitMlp
from timm.models.swiftformer import Mlp as SwiftFormerMlp
from timm.models.tiny_vit import NormMlp
from timm.models.visformer import SpatialMlp
from torch import nn

from models.units.families.channels import Passage, by_channels

PASSAGES: dict[type[nn.Module], Passage] = {
    ConvMlp: Passage(("fc1", "norm"), ("fc2",)),
    InceptionNextMlp: Passage(("fc1", "norm"), ("fc2",)),
    ConvMlpWithNorm: Passage(("fc1", "norm1"), ("fc2",)),
    ConvMlpOfNorms: Passage(("fc1.conv", "fc1.bn", "mid.conv", "mid.bn"), ("fc2.conv",)),
    EfficientVitMlp: Passage(("pw1.conv", "pw1.bn"), ("pw2.conv",)),
    FastVitMlp: Passage(("fc1",), ("fc2",)),
    MlpWithDepthwiseConv: Passage(("fc1", "dwconv"), ("fc2",)),
    RepVitMlp: Passage(("conv1.c", "conv1.bn"), ("conv2.c",)),
    SwiftFormerMlp: Passage(("fc1",), ("fc2",)),
    NormMlp: Passage(("fc1",), ("fc2",)),
    SpatialMlp: Passage(("conv1", "conv2"), ("conv3",)),
}

CONV_MLP = by_channels(tuple(PASSAGES), lambda block: {"": PASSAGES[type(block)]}, "neuron")
