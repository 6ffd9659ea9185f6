"""The heads of Swin's window attention: rows of q, k and v, columns of `proj`, and a column of the table of position biases."""

from __future__ import annotations

import torch
from timm.models.swin_transformer import WindowAttention
from torch import Tensor

from models.units.base import Family, TiedSlice, UnitGroup
from models.units.families.attention import count_heads, heads, without_heads

BIASES = "relative_position_bias_table"
"""(relative positions, heads)."""


class CutWindowAttention(WindowAttention):
    """A window attention that may have no heads left, of which timm's code cannot tell the width."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        output: Tensor = super().forward(x, mask) if self.num_heads else without_heads(self, x)
        return output


def window_heads(name: str, attention: WindowAttention) -> tuple[UnitGroup, ...]:
    """One group; each head owns its own column of biases."""
    return heads(name, attention, [own_column(name, attention.num_heads)])


def own_column(name: str, count: int) -> TiedSlice:
    """Of a table (relative positions, heads) of the attention `name`."""
    return TiedSlice(f"{name}.{BIASES}", 1, torch.arange(count).unsqueeze(1))


def _after_cut(attention: WindowAttention) -> None:
    attention.__class__ = CutWindowAttention
    count_heads(attention)


WINDOW_ATTENTION = Family("head", (WindowAttention, CutWindowAttention), window_heads, after_cut=_after_cut)
