"""The heads of Swin V2's window attention: rows of q, k and v and their biases, each head's temperature, the row that makes its
position biases, columns of `proj`.

timm's forward pass takes the width of all heads for that of the tokens, so an attention that was cut gets one that does not.
"""

from __future__ import annotations

import math

import torch
from timm.models.swin_transformer_v2 import WindowAttention
from torch import Tensor
from torch.nn import functional

from models.units.base import Family, TiedSlice, UnitGroup, of_layer
from models.units.families.attention import fused, without_heads
from models.units.families.beit import shorten_key_bias

MAKES_BIASES = "cpb_mlp.2"
LARGEST_TEMPERATURE = math.log(100.0)


class CutWindowAttentionV2(WindowAttention):
    """The same function of as many heads as are left."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        if not self.num_heads:
            return without_heads(self, x)
        windows, tokens, _ = x.shape
        bias = None if self.q_bias is None else torch.cat((self.q_bias, self.get_buffer("k_bias"), self.v_bias))
        bands = functional.linear(x, self.qkv.weight, bias).reshape(windows, tokens, 3, self.num_heads, -1)
        q, k, v = bands.permute(2, 0, 3, 1, 4).unbind(0)
        cosines = functional.normalize(q, dim=-1) @ functional.normalize(k, dim=-1).transpose(-2, -1)
        logits = cosines * self.logit_scale.clamp(max=LARGEST_TEMPERATURE).exp() + self._position_biases(tokens)
        if mask is not None:
            by_window = logits.view(-1, len(mask), self.num_heads, tokens, tokens) + mask[None, :, None]
            logits = by_window.view(-1, self.num_heads, tokens, tokens)
        found = self.attn_drop(self.softmax(logits)) @ v
        output: Tensor = self.proj_drop(self.proj(found.transpose(1, 2).reshape(windows, tokens, -1)))
        return output

    def _position_biases(self, tokens: int) -> Tensor:
        """(heads, tokens, tokens)."""
        table: Tensor = self.cpb_mlp(self.get_buffer("relative_coords_table")).view(-1, self.num_heads)
        places = self.get_buffer("relative_position_index").view(-1)
        return 16 * table[places].view(tokens, tokens, self.num_heads).permute(2, 0, 1).sigmoid()


def window_heads(name: str, attention: WindowAttention) -> tuple[UnitGroup, ...]:
    """One group; each head owns head_dim rows of each of q, k and v, and a row of what makes the position biases."""
    count, width = attention.num_heads, attention.proj.weight.shape[1]
    band = torch.arange(width).reshape(count, width // count if count else 0)
    each = torch.arange(count).unsqueeze(1)
    slices = [
        *of_layer(f"{name}.qkv", attention.qkv, 0, fused(band)),
        *of_layer(f"{name}.{MAKES_BIASES}", attention.get_submodule(MAKES_BIASES), 0, each),
        TiedSlice(f"{name}.logit_scale", 0, each),
        *(TiedSlice(f"{name}.{key}", 0, band) for key in ("q_bias", "v_bias") if attention.q_bias is not None),
        TiedSlice(f"{name}.proj.weight", 1, band),
    ]
    return (UnitGroup(name, "head", count, tuple(slices), f"{name}.proj"),)


def _after_cut(attention: WindowAttention) -> None:
    attention.__class__ = CutWindowAttentionV2
    attention.num_heads = len(attention.logit_scale)
    shorten_key_bias(attention)


WINDOW_ATTENTION_V2 = Family("head", (WindowAttention, CutWindowAttentionV2), window_heads, after_cut=_after_cut)
