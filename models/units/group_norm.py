"""GroupNorm that has lost channels within its groups."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Runs = tuple[tuple[bool, int], ...]
"""Channels of the groups that still have any, in order: whether so many side by side are there, and how many they are."""


class CutGroupNorm(nn.GroupNorm):
    """Channels that are gone count as zeros in the statistics of the groups that still have others: so the others are what
    they would be with those set to zero."""

    runs: Runs

    def forward(self, input: Tensor) -> Tensor:
        if not self.num_channels:
            return input
        if all(there for there, _ in self.runs):
            return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)
        weight, bias = (self._with_zeros(values, 0) for values in (self.weight, self.bias))
        normed = F.group_norm(self._with_zeros(input, 1), self.num_groups, weight, bias, self.eps)
        parts = torch.split(normed, [size for _, size in self.runs], dim=1)
        return torch.cat([part for part, (there, _) in zip(parts, self.runs, strict=True) if there], dim=1)

    def _with_zeros(self, values: Tensor, dim: int) -> Tensor:
        """Values of the channels that are there along `dim`, with zeros where others of their groups were."""
        parts = iter(torch.split(values, [size for there, size in self.runs if there], dim))
        shape = list(values.shape)
        filled = [
            next(parts) if there else values.new_zeros((*shape[:dim], size, *shape[dim + 1 :]))
            for there, size in self.runs
        ]
        return torch.cat(filled, dim)


def declare_kept(norm: nn.GroupNorm, kept: Sequence[bool], per_group: int) -> None:
    """Bring a GroupNorm, which had `per_group` channels in each group, in line with weights that have just lost some.

    `kept` says of every channel that it had when dense whether it is still there.
    """
    groups = [kept[first : first + per_group] for first in range(0, len(kept), per_group)]
    left = [group for group in groups if any(group)]
    flat = [there for group in left for there in group]
    norm.__class__ = CutGroupNorm
    assert isinstance(norm, CutGroupNorm)
    norm.runs = tuple((there, len(list(run))) for there, run in groupby(flat))
    norm.num_groups, norm.num_channels = len(left), sum(flat)
