"""Norms over the last dimension, whose size follows that of their weights."""

from __future__ import annotations

from timm.layers.norm import LayerNorm, LayerNormFp32, RmsNorm
from torch import nn

NORMS = (nn.LayerNorm, LayerNorm, LayerNormFp32, RmsNorm)
"""Classes, exactly: a subclass may norm other dimensions."""
