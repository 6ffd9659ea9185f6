"""TwistNet-18: a ResNet-18 whose two last stages also read second-order channel interactions (arXiv 2602.07262).

Unlike the published code, whose model-wide initialisation overwrites the directional kernels, each part here
initialises itself, so the four heads of a block really start out looking in four directions.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
import torch.nn.functional as F
from timm.models.resnet import BasicBlock, downsample_conv
from torch import Tensor, nn

Pairs = Literal["upper", "full"]

REDUCED = 8
NORM_EPSILON = 1e-6
GATE_REDUCTION = 4
INITIAL_GAMMA = -2.0
PROJECTION_STD = 0.01
# 22 groups of the published 176 channels; the variants keep the size of a group, not the number of groups.
CHANNELS_PER_NORM_GROUP = 8
# (row, column) offset of the neighbour that a head is paired with: 0, 45, 90 and 135 degrees.
DIRECTIONS: tuple[tuple[int, int], ...] = ((0, 1), (1, 1), (1, 0), (1, -1))
STAGES: tuple[tuple[int, bool], ...] = ((64, False), (128, False), (256, True), (512, True))
BLOCKS_PER_STAGE = 2


class InteractionHead(nn.Module):
    """One direction: C channels → 8 normalised features and their products with the neighbours' features.

    (batch, C, h, w) → (batch, `out_channels`, h, w). `pairs` "upper" takes products i <= j (36), "full" all 64.
    """

    def __init__(
        self, channels: int, direction: tuple[int, int], no_spiral: bool, first_order: bool, pairs: Pairs
    ) -> None:
        super().__init__()
        self.first_order = first_order
        self.reduce = nn.Conv2d(channels, REDUCED, 1, bias=False)
        self.bn = nn.BatchNorm2d(REDUCED)
        twisted = not (no_spiral or first_order)
        self.twist = Twist(direction) if twisted else nn.Identity()
        rows, columns = torch.triu_indices(REDUCED, REDUCED) if pairs == "upper" else _all_pairs(REDUCED)
        self.register_buffer("rows", rows, persistent=False)
        self.register_buffer("columns", columns, persistent=False)
        self.out_channels = REDUCED if first_order else REDUCED + len(rows)
        _kaiming(self.reduce)

    def forward(self, x: Tensor) -> Tensor:
        z = F.relu(self.bn(self.reduce(x)))
        own = F.normalize(z, dim=1, eps=NORM_EPSILON)
        if self.first_order:
            return own
        neighbour = F.normalize(self.twist(z), dim=1, eps=NORM_EPSILON)
        products = own[:, self.get_buffer("rows")] * neighbour[:, self.get_buffer("columns")]
        return torch.cat([own, products], dim=1)


class Twist(nn.Module):
    """A depthwise 3x3 convolution that starts as the mean of a pixel and its neighbour in one direction."""

    def __init__(self, direction: tuple[int, int]) -> None:
        super().__init__()
        row, column = direction
        kernel = torch.zeros(REDUCED, 1, 3, 3)
        kernel[:, :, 1, 1] = 0.5
        kernel[:, :, 1 + row, 1 + column] = 0.5
        self.conv = nn.Conv2d(REDUCED, REDUCED, 3, padding=1, groups=REDUCED, bias=False)
        with torch.no_grad():
            self.conv.weight.copy_(kernel)
        self.scale = nn.Parameter(torch.ones(1, REDUCED, 1, 1))

    def forward(self, z: Tensor) -> Tensor:
        twisted: Tensor = self.scale * self.conv(z)
        return twisted


class ChannelGate(nn.Module):
    """Adaptive interaction selection: squeeze-and-excitation over the channels of all heads."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = channels // GATE_REDUCTION
        self.fc1 = nn.Linear(channels, hidden)
        self.fc2 = nn.Linear(hidden, channels)

    def forward(self, x: Tensor) -> Tensor:
        gate = torch.sigmoid(self.fc2(F.relu(self.fc1(x.mean(dim=(2, 3))))))
        return x * gate[:, :, None, None]


class Interactions(nn.Module):
    """The four heads, gated, normalised and projected back: (batch, C, h, w) → (batch, C, h, w)."""

    def __init__(self, channels: int, no_spiral: bool, no_ais: bool, first_order: bool, pairs: Pairs) -> None:
        super().__init__()
        self.heads = nn.ModuleList(
            InteractionHead(channels, direction, no_spiral, first_order, pairs) for direction in DIRECTIONS
        )
        width = sum(head.out_channels for head in self.heads if isinstance(head, InteractionHead))
        self.gate = nn.Identity() if no_ais else ChannelGate(width)
        self.norm = nn.GroupNorm(width // CHANNELS_PER_NORM_GROUP, width)
        self.project = nn.Conv2d(width, channels, 1, bias=False)
        self.bn = nn.BatchNorm2d(channels)
        nn.init.normal_(self.project.weight, std=PROJECTION_STD)

    def forward(self, x: Tensor) -> Tensor:
        return self.merged(torch.cat([head(x) for head in self.heads], dim=1))

    def merged(self, features: Tensor) -> Tensor:
        """(batch, features of all heads, h, w) → (batch, C, h, w)."""
        projected: Tensor = self.bn(self.project(self.norm(self.gate(features))))
        return projected


class TwistBlock(nn.Module):
    """A basic residual block whose inner map is also read by the interactions, weighed by sigmoid(gamma)."""

    def __init__(
        self, in_channels: int, channels: int, stride: int, downsample: nn.Module | None, interactions: Interactions
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample = downsample
        self.interactions = interactions
        self.gamma = nn.Parameter(torch.tensor(INITIAL_GAMMA))

    def forward(self, x: Tensor) -> Tensor:
        inner = F.relu(self.bn1(self.conv1(x)))
        main = self.bn2(self.conv2(inner))
        shortcut = x if self.downsample is None else self.downsample(x)
        return F.relu(main + torch.sigmoid(self.gamma) * self.interactions(inner) + shortcut)

    def readers_of_inner(self) -> list[str]:
        """Names of the convolutions that read the inner map besides `conv2`."""
        return [f"interactions.heads.{index}.reduce" for index in range(len(self.interactions.heads))]


class TwistNet(nn.Module):
    """TwistNet-18 on images of any size.

    Args:
        no_spiral: pair a pixel's features with its own, not with a neighbour's.
        no_ais: leave out the gate.
        first_order: keep the heads but only their features, no products: the control for second order.
        pairs: products "upper" (i <= j, as published) or "full" (all, since pixel and neighbour differ).
    """

    def __init__(
        self,
        num_classes: int,
        in_chans: int = 3,
        no_spiral: bool = False,
        no_ais: bool = False,
        first_order: bool = False,
        pairs: Pairs = "upper",
    ) -> None:
        super().__init__()
        if pairs not in get_args(Pairs):
            raise ValueError(f"pairs must be one of {', '.join(get_args(Pairs))}, found {pairs!r}")
        self.conv1 = nn.Conv2d(in_chans, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        stages: list[nn.Module] = []
        in_channels = 64
        for channels, second_order in STAGES:
            blocks: list[nn.Module] = []
            for index in range(BLOCKS_PER_STAGE):
                stride = 2 if index == 0 and channels != in_channels else 1
                downsample = downsample_conv(in_channels, channels, 1, stride) if stride == 2 else None
                if second_order:
                    interactions = Interactions(channels, no_spiral, no_ais, first_order, pairs)
                    blocks.append(TwistBlock(in_channels, channels, stride, downsample, interactions))
                else:
                    blocks.append(BasicBlock(in_channels, channels, stride, downsample))
                in_channels = channels
            stages.append(nn.Sequential(*blocks))
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        self.fc = nn.Linear(in_channels, num_classes)
        self._initialise_plain_parts()

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(F.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        logits: Tensor = self.fc(x.mean(dim=(2, 3)))
        return logits

    def _initialise_plain_parts(self) -> None:
        """Kaiming for the stem, the basic blocks and the shortcuts; twist blocks have initialised themselves."""
        inside_interactions = {
            part for module in self.modules() if isinstance(module, Interactions) for part in module.modules()
        }
        for module in self.modules():
            if isinstance(module, nn.Conv2d) and module not in inside_interactions:
                _kaiming(module)
        nn.init.normal_(self.fc.weight, std=0.01)
        nn.init.zeros_(self.fc.bias)


def _kaiming(conv: nn.Conv2d) -> None:
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")


def _all_pairs(size: int) -> tuple[Tensor, Tensor]:
    each = torch.arange(size)
    return each.repeat_interleave(size), each.repeat(size)
