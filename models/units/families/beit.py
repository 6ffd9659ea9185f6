"""The heads of BEiT's attention: fused q, k and v with biases of their own, and a table of position biases for each block.

timm's forward pass takes the width of all heads for that of the tokens, so an attention that was cut gets one that does not.
"""

from __future__ import annotations

from typing import Any

import torch
from timm.models.beit import Attention
from torch import Tensor, nn
from torch.nn import functional

from models.units.base import Family, TiedSlice, UnitGroup
from models.units.families.attention import band_of, count_heads, head_dim, heads, without_heads
from models.units.families.swin import own_column


class CutBeitAttention(Attention):
    """The same function of as many heads as are left."""

    def forward(self, x: Tensor, shared_rel_pos_bias: Tensor | None = None) -> Tensor:
        if not self.num_heads:
            return without_heads(self, x)
        batch, tokens, _ = x.shape
        q, k, v = split(self, x)
        position_bias = None if self.relative_position_bias_table is None else self._get_rel_pos_bias()
        dropout = self.attn_drop.p if self.training else 0.0
        found = functional.scaled_dot_product_attention(q, k, v, attn_mask=position_bias, dropout_p=dropout)
        output: Tensor = self.proj_drop(self.proj(found.transpose(1, 2).reshape(batch, tokens, -1)))
        return output


def split(attention: Any, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """q, k and v of (batch, tokens, features), each (batch, heads, tokens, head_dim), by one layer with its biases apart."""
    biases = (attention.q_bias, attention.k_bias, attention.v_bias)
    bias = None if biases[0] is None else torch.cat(biases)
    found = functional.linear(x, attention.qkv.weight, bias)
    bands = found.reshape(*x.shape[:2], 3, attention.num_heads, head_dim(attention)).permute(2, 0, 3, 1, 4)
    return bands[0], bands[1], bands[2]


def beit_heads(name: str, attention: Attention) -> tuple[UnitGroup, ...]:
    """One group; each head owns its entries of both biases, and its column of the table."""
    return heads(name, attention, [*own_biases(name, attention), *_own_table(name, attention)])


def own_biases(name: str, attention: Any) -> list[TiedSlice]:
    """Of q and v, where they are apart from the layer. That of k is always zero and no part of the state."""
    if attention.q_bias is None:
        return []
    return [TiedSlice(f"{name}.{key}", 0, band_of(attention)) for key in ("q_bias", "v_bias")]


def shorten_key_bias(attention: Any) -> None:
    """Make the zeros that stand for k's bias as many as q's are."""
    if attention.q_bias is not None:
        zeros = torch.zeros_like(attention.q_bias.detach())
        attention.register_buffer("k_bias", zeros, persistent=False)


def why_none(model: nn.Module) -> str | None:
    """Why no attention of this network can be cut, or None."""
    if getattr(model, "rel_pos_bias", None) is not None:
        return "attention whose blocks share one table of position biases"
    return None


def _own_table(name: str, attention: Attention) -> list[TiedSlice]:
    return [] if attention.relative_position_bias_table is None else [own_column(name, attention.num_heads)]


def _after_cut(attention: Attention) -> None:
    attention.__class__ = CutBeitAttention
    count_heads(attention)
    shorten_key_bias(attention)


BEIT_ATTENTION = Family("head", (Attention, CutBeitAttention), beit_heads, why_whole_in=why_none, after_cut=_after_cut)
