"""The heads of timm's `Attention` with fused qkv: rows of q, k and v and their biases, columns of `proj`.

What other attentions share with it stands here too: where heads lie in fused or separate layers, and what is left of none.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from timm.layers.attention import Attention
from torch import Tensor, nn
from torch.nn import functional

from models.units.base import Family, TiedSlice, UnitGroup, of_layer

SEPARATE = ("q_proj", "k_proj", "v_proj")
"""What an attention calls its three layers where they are not one."""


class CutQueryKeyAttention(Attention):
    """The same function where queries and keys have lost dimensions: they are narrower than the values, and the scale stays."""

    query_key_dim: int

    def forward(self, x: Tensor, attn_mask: Tensor | None = None, is_causal: bool = False) -> Tensor:
        if not self.num_heads:
            return without_heads(self, x)
        batch, tokens, _ = x.shape
        narrow, wide = self.num_heads * self.query_key_dim, self.num_heads * self.head_dim
        bands = self.qkv(x).split((narrow, narrow, wide), dim=-1)
        q, k, v = (band.reshape(batch, tokens, self.num_heads, -1).transpose(1, 2) for band in bands)
        dropout = self.attn_drop.p if self.training else 0.0
        found = functional.scaled_dot_product_attention(
            q, k, v, attn_mask=attn_mask, dropout_p=dropout, is_causal=is_causal, scale=self.scale
        )
        values = self.norm(found.transpose(1, 2).reshape(batch, tokens, wide))
        if self.gate is not None:
            values = values * self.gate(x).sigmoid()
        output: Tensor = self.proj_drop(self.proj(values))
        return output


ATTENTION_CLASSES = (Attention, CutQueryKeyAttention)


def heads(name: str, attention: Any, more: Iterable[TiedSlice] = ()) -> tuple[UnitGroup, ...]:
    """One group; each head owns head_dim rows of each of q, k and v, and of the gate where there is one.

    They are three bands of one layer `qkv`, or rows of `q_proj`, `k_proj` and `v_proj`. `more` is tied to the heads as well.
    """
    band = band_of(attention)
    slices = list(more)
    if attention.qkv is not None:
        narrow = torch.arange(len(band) * query_key_dim(attention)).reshape(len(band), query_key_dim(attention))
        slices += of_layer(f"{name}.qkv", attention.qkv, 0, fused(band, narrow))
    else:
        for key in SEPARATE:
            slices += of_layer(f"{name}.{key}", attention.get_submodule(key), 0, band)
    if getattr(attention, "gate", None) is not None:
        slices += of_layer(f"{name}.gate", attention.gate, 0, band)
    slices.append(TiedSlice(f"{name}.proj.weight", 1, band))
    return (UnitGroup(name, "head", len(band), tuple(slices), f"{name}.proj"),)


def band_of(attention: Any) -> Tensor:
    """(heads, head_dim): where each head lies in the input of `proj`."""
    width = head_dim(attention)
    return torch.arange(attention.num_heads * width).reshape(attention.num_heads, width)


def head_dim(attention: Any) -> int:
    """From the scale, 1 / sqrt(head_dim), which all of timm's attentions have, and which stays when no head does."""
    scale: float = attention.scale
    return round(scale**-2)


def query_key_dim(attention: Any) -> int:
    """Dimensions of a head's queries and of its keys: as many as its values have, but where some were cut."""
    width: int = getattr(attention, "query_key_dim", head_dim(attention))
    return width


def fused(values: Tensor, queries: Tensor | None = None) -> Tensor:
    """(heads, features): where each head lies in q, k and v behind each other.

    `values` (heads, head_dim) says where in v, and `queries` where in q and in k, if not alike.
    """
    queries = values if queries is None else queries
    return torch.cat([queries, queries + queries.numel(), values + 2 * queries.numel()], dim=1)


def why_whole(attention: Any) -> str | None:
    """Why an attention cannot be cut exactly, or None."""
    if not isinstance(attention.norm, nn.Identity):
        return "attention with a norm over all heads (scale_norm)"
    return None


def count_heads(attention: Any) -> None:
    """Bring the declared number of heads in line with `proj`."""
    attention.num_heads = attention.proj.weight.shape[1] // head_dim(attention)


def without_heads(attention: Any, tokens: Tensor) -> Tensor:
    """What an attention that has lost all its heads gives for (batch, tokens, features): the bias of `proj`."""
    output: Tensor = attention.proj_drop(attention.proj(tokens.new_zeros((*tokens.shape[:-1], 0))))
    return output


def _after_cut(attention: Attention) -> None:
    count_heads(attention)
    attention.attn_dim = attention.num_heads * attention.head_dim


ATTENTION = Family("head", ATTENTION_CLASSES, heads, why_whole, after_cut=_after_cut)
