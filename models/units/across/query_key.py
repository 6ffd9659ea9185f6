"""The width of queries and keys within an attention: unit u is dimension u of the queries and of the keys of every head.

Heads stay as many and their values as wide; the scale of the products stays what it was. Of timm's `Attention` with fused qkv.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from models.units.across.base import Across, Counts
from models.units.base import UnitGroup, of_layer
from models.units.families.attention import ATTENTION_CLASSES, CutQueryKeyAttention, head_dim, query_key_dim

SUFFIX = ".qk"
"""Behind the attention's name in a group's."""


def query_key_groups(model: nn.Module) -> tuple[UnitGroup, ...]:
    """One group for each attention; its units end with the last head."""
    return tuple(_group(name, attention) for name, attention in _attentions(model))


def why_not(model: nn.Module) -> str | None:
    """Why no query and key of this network can lose dimensions, or None."""
    there = [module for module in model.modules() if type(module) in ATTENTION_CLASSES]
    if not there:
        return "it has no attention with queries, keys and values in one layer of timm's Attention class"
    if not any(_is_free(module) for module in there):
        return "its queries and keys are normalised over the dimensions of a head"
    return None


def _group(name: str, attention: Any) -> UnitGroup:
    width, heads = query_key_dim(attention), attention.num_heads
    queries = torch.arange(heads * width).reshape(heads, width).T
    index = torch.cat([queries, queries + heads * width], dim=1)
    slices = of_layer(f"{name}.qkv", attention.qkv, 0, index)
    return UnitGroup(name + SUFFIX, "qk", width, tuple(slices), None, ends_with=name)


def _attentions(model: nn.Module) -> Iterator[tuple[str, Any]]:
    for name, module in model.named_modules():
        if type(module) in ATTENTION_CLASSES and _is_free(module):
            yield name, module


def _is_free(attention: nn.Module) -> bool:
    return all(isinstance(getattr(attention, norm), nn.Identity) for norm in ("q_norm", "k_norm"))


def _after_cut(model: nn.Module, counts: Counts) -> None:
    for name, attention in list(_attentions(model)):
        width = counts.get(name + SUFFIX)
        if width is not None and width != head_dim(attention):
            attention.__class__ = CutQueryKeyAttention
            attention.query_key_dim = width


QUERY_KEY = Across(query_key_groups, why_not, _after_cut)
