"""The heads of timm's `Attention` with fused qkv: rows of q, k and v and their biases, columns of `proj`."""

from __future__ import annotations

import torch
from timm.layers.attention import Attention
from torch import nn

from models.units.base import Family, TiedSlice, UnitGroup, of_layer


def heads(name: str, attention: Attention) -> tuple[UnitGroup, ...]:
    """One group; each head owns head_dim rows of each of q, k and v."""
    count, width = attention.num_heads, attention.head_dim
    one_band = torch.arange(count * width).reshape(count, width)
    qkv_rows = torch.cat([one_band + band * count * width for band in range(3)], dim=1)
    slices = [
        *of_layer(f"{name}.qkv", attention.qkv, 0, qkv_rows),
        TiedSlice(f"{name}.proj.weight", 1, one_band),
    ]
    return (UnitGroup(name, "head", count, tuple(slices), f"{name}.proj"),)


def why_whole(attention: Attention) -> str | None:
    """Why an attention cannot be cut exactly, or None."""
    if attention.gate is not None:
        return "gated attention"
    if not isinstance(attention.norm, nn.Identity):
        return "attention with a norm over all heads (scale_norm)"
    return None


ATTENTION = Family("head", (Attention,), heads, why_whole)
