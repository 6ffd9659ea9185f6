"""Convolutions in groups, each of which reads and makes channels of its own, and what is left of one when groups go."""

from __future__ import annotations

from torch import nn

CUT_BY_GROUPS = "cut_by_groups"
"""Marks a convolution that has lost groups: with one left it would pass for one that never had any."""


def is_grouped(layer: nn.Module) -> bool:
    """Whether it is a convolution in groups, or was before others were cut away."""
    return isinstance(layer, nn.Conv2d) and (layer.groups != 1 or hasattr(layer, CUT_BY_GROUPS))


def declare_groups(conv: nn.Conv2d) -> None:
    """Bring the number of groups in line with a weight that has just lost whole groups, before the declared sizes are.

    Each group has as many outputs as before; dimension 1 of the weight, its inputs, is not cut.
    """
    if not is_grouped(conv) or not conv.groups:
        return
    outputs = conv.out_channels // conv.groups
    if conv.out_channels != len(conv.weight):
        setattr(conv, CUT_BY_GROUPS, True)
        conv.groups = len(conv.weight) // outputs
