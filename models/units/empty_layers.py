"""Convolution, pooling and BatchNorm for maps with no channels left, which torch's own kernels refuse or get wrong.

A layer of these has the same parameters, of size zero, under the same names, so state dicts stay as they were.
"""

from __future__ import annotations

import math

from timm.layers.conv2d_same import Conv2dSame
from timm.layers.helpers import to_2tuple
from torch import Tensor, nn


class EmptyConv2d(nn.Conv2d):
    """A convolution without input or without output channels: a sum over nothing, so its bias alone, or zero."""

    def forward(self, input: Tensor) -> Tensor:
        height, width = (self._output_side(side, axis) for axis, side in enumerate(input.shape[-2:]))
        output = input.new_zeros((input.shape[0], self.out_channels, height, width))
        return output if self.bias is None else output + self.bias[:, None, None]

    def _output_side(self, side: int, axis: int) -> int:
        if self.padding == "same":
            return side
        padding = 0 if isinstance(self.padding, str) else int(self.padding[axis])
        return windows(side + 2 * padding, self.dilation[axis] * (self.kernel_size[axis] - 1) + 1, self.stride[axis])


class EmptyConv2dSame(EmptyConv2d):
    """The same of timm's `Conv2dSame`, which pads so that each side shrinks by the stride alone, rounded up."""

    def _output_side(self, side: int, axis: int) -> int:
        return math.ceil(side / self.stride[axis])


class EmptyAvgPool2d(nn.AvgPool2d):
    """An average over the windows of no maps, which lie as the usual ones do where `ceil_mode` is off."""

    def forward(self, input: Tensor) -> Tensor:
        kernel, stride, padding = (to_2tuple(value) for value in (self.kernel_size, self.stride, self.padding))
        sides = (
            windows(side + 2 * padding[axis], kernel[axis], stride[axis]) for axis, side in enumerate(input.shape[-2:])
        )
        return input.new_zeros((*input.shape[:-2], *sides))


class EmptyBatchNorm2d(nn.BatchNorm2d):
    """A BatchNorm over no channels: it hands its input on."""

    def forward(self, input: Tensor) -> Tensor:
        return input


def windows(side: int, width: int, stride: int) -> int:
    """How many windows of this width fit along a side, `stride` apart."""
    return (side - width) // stride + 1


def swap_if_empty(module: nn.Module) -> None:
    """Give a convolution or BatchNorm that has just lost its last channel a forward pass that can do without."""
    if isinstance(module, nn.Conv2d) and module.weight.numel() == 0:
        module.__class__ = EmptyConv2dSame if isinstance(module, Conv2dSame | EmptyConv2dSame) else EmptyConv2d
    elif isinstance(module, nn.BatchNorm2d) and module.num_features == 0:
        module.__class__ = EmptyBatchNorm2d
