"""The heads of attention with rotary positions: timm's `EvaAttention` (EVA-02, DINOv3) and `AttentionRope`.

q, k and v are one layer or three, with biases in it or apart. timm's `EvaAttention` takes the width of all heads for that of
the tokens, so one that was cut gets a forward pass that does not.
"""

from __future__ import annotations

from typing import Any

import torch
from timm.layers.attention import AttentionRope
from timm.layers.pos_embed_sincos import RotaryEmbeddingMixed, apply_rot_embed_cat
from timm.models.eva import EvaAttention
from torch import Tensor, nn
from torch.nn import functional

from models.units.base import Family, UnitGroup
from models.units.families.attention import SEPARATE, count_heads, head_dim, heads, why_whole
from models.units.families.beit import own_biases, shorten_key_bias, split


class CutEvaAttention(EvaAttention):
    """The same function of as many heads as are left."""

    def forward(
        self, x: Tensor, rope: Tensor | None = None, attn_mask: Tensor | None = None, is_causal: bool = False
    ) -> Tensor:
        q, k, v = split(self, x) if self.qkv is not None else self._split_by_three(x)
        q, k = self._turned(self.q_norm(q), rope, v.dtype), self._turned(self.k_norm(k), rope, v.dtype)
        dropout = self.attn_drop.p if self.training else 0.0
        found = functional.scaled_dot_product_attention(
            q, k, v, attn_mask=attn_mask, dropout_p=dropout, is_causal=is_causal
        )
        values = found.transpose(1, 2).flatten(2)
        if self.gate is not None:
            values = values * self.gate(x).sigmoid()
        output: Tensor = self.proj_drop(self.proj(values))
        return output

    def _split_by_three(self, x: Tensor) -> tuple[Tensor, ...]:
        size = (*x.shape[:2], self.num_heads, head_dim(self))
        layers = (self.get_submodule(key) for key in SEPARATE)
        return tuple(layer(x).reshape(size).transpose(1, 2) for layer in layers)

    def _turned(self, values: Tensor, rope: Tensor | None, dtype: torch.dtype) -> Tensor:
        """By each token's position, except for class and register tokens, which come first."""
        if rope is None:
            return values
        first, rest = values[:, :, : self.num_prefix_tokens], values[:, :, self.num_prefix_tokens :]
        return torch.cat([first, apply_rot_embed_cat(rest, rope, half=self.rotate_half)], dim=2).to(dtype)


def eva_heads(name: str, attention: EvaAttention) -> tuple[UnitGroup, ...]:
    """One group; each head owns its entries of the biases that are apart from the layer."""
    return heads(name, attention, own_biases(name, attention))


def rope_why_whole(attention: AttentionRope) -> str | None:
    """Why an attention cannot be cut exactly, or None."""
    if attention.num_kv_groups != 1:
        return "attention whose heads share keys and values (grouped queries)"
    return why_whole(attention)


def why_none(model: nn.Module) -> str | None:
    """Why no attention of this network can be cut, or None."""
    if any(isinstance(module, RotaryEmbeddingMixed) for module in model.modules()):
        return "attention whose heads turn by frequencies of their own, held for all blocks together"
    return None


def _after_eva_cut(attention: EvaAttention) -> None:
    attention.__class__ = CutEvaAttention
    count_heads(attention)
    shorten_key_bias(attention)


def _after_rope_cut(attention: Any) -> None:
    count_heads(attention)
    attention.num_kv_heads = attention.num_heads
    attention.attn_dim = attention.kv_dim = attention.num_heads * attention.head_dim


EVA_ATTENTION = Family(
    "head", (EvaAttention, CutEvaAttention), eva_heads, why_whole, why_whole_in=why_none, after_cut=_after_eva_cut
)
ROPE_ATTENTION = Family(
    "head", (AttentionRope,), heads, rope_why_whole, why_whole_in=why_none, after_cut=_after_rope_cut
)
