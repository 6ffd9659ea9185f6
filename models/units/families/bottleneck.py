"""Bottlenecks: a 1x1 convolution, a larger one, a 1x1 convolution, with inner channels on either side of the middle one.

Where the middle convolution is grouped they are one group of units, its groups; else two groups of units, single channels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from timm.models.byobnet import BottleneckBlock
from timm.models.cspnet import BottleneckBlock as CspBottleneckBlock
from timm.models.dla import DlaBottleneck
from timm.models.resnetv2 import PreActBottleneck
from timm.models.senet import SEBottleneck, SEResNetBottleneck, SEResNeXtBottleneck
from torch import nn

from models.units.families.channels import Passage, by_channels, layer_at
from models.units.families.grouped import is_grouped


@dataclass(frozen=True)
class Layers:
    """By name: the first convolution with its norm, the middle one with its norm, the last one; and of `Passage` the rest."""

    first: tuple[str, str]
    middle: tuple[str, str]
    last: str
    squeeze: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()

    def passages(self, block: nn.Module) -> Mapping[str, Passage]:
        """As this block has them: by the name of the convolution that makes the channels, or for the whole block."""
        conv = self.middle[0]
        if layer_at(block, conv) is not None and is_grouped(block.get_submodule(conv)):
            return {"": Passage((*self.first, *self.middle), (self.last,), self.squeeze, self.absent)}
        return {
            _part(self.first[0]): Passage(self.first, (conv,)),
            _part(conv): Passage(self.middle, (self.last,), self.squeeze, self.absent),
        }


def _part(path: str) -> str:
    return path.partition(".")[0]


PLAIN = Layers(("conv1", "bn1"), ("conv2", "bn2"), "conv3")
BOTTLENECKS: dict[type[nn.Module], Layers] = {
    SEBottleneck: PLAIN,
    SEResNetBottleneck: PLAIN,
    SEResNeXtBottleneck: PLAIN,
    DlaBottleneck: PLAIN,
    PreActBottleneck: Layers(("conv1", "norm2"), ("conv2", "norm3"), "conv3"),
    BottleneckBlock: Layers(
        ("conv1_1x1.conv", "conv1_1x1.bn"),
        ("conv2_kxk.conv", "conv2_kxk.bn"),
        "conv3_1x1.conv",
        ("attn",),
        ("conv1_1x1.aa", "conv2_kxk.aa", "conv2b_kxk"),
    ),
    CspBottleneckBlock: Layers(
        ("conv1.conv", "conv1.bn"), ("conv2.conv", "conv2.bn"), "conv3.conv", ("attn2",), ("conv1.aa", "conv2.aa")
    ),
}
"""Those that no other file describes: legacy SENet, DLA, pre-activation ResNet with BatchNorm, BYOB networks, CSPNet."""

OTHER_BOTTLENECKS = by_channels(tuple(BOTTLENECKS), lambda block: BOTTLENECKS[type(block)].passages(block))
