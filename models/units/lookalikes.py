"""Blocks that do the work of attention, of an MLP or of a residual block, and that prunetune does not know how to cut.

timm has a class of its own for nearly every family, so a block is recognised by its class's name and by counting heads. That
is good enough for what it is used for: telling people what of a network stays whole. Nothing is cut by it.
"""

from __future__ import annotations

import re

from torch import nn

from models.units.structure import Kind

ATTENTION = re.compile(r"att(ention|n)", re.IGNORECASE)
# Blocks around an attention, what biases it, and the attention of convolutional networks, which has no heads.
NO_ATTENTION = re.compile(
    r"Block|^RelPos(Bias|Mlp)|^RotaryEmbedding|Partition|^(Split|SelectiveKernel|BatNonLocal|Spatial|Mobile)Att|BilinearAttn"
)
MLP = re.compile(r"mlp|ffn|feedforward|swiglu", re.IGNORECASE)
NO_MLP = re.compile(r"Head|Mixer|RelPos")
RESIDUAL = re.compile(r"Bottleneck|BasicBlock|InvertedResidual|MbConv(?!Stage)|EdgeResidual|DepthwiseSeparable")


def kind_of_lookalike(module: nn.Module) -> Kind | None:
    """The kind of units that such a block is made of; None for any other module."""
    name = type(module).__name__
    if not NO_ATTENTION.search(name) and (
        ATTENTION.search(name) or isinstance(getattr(module, "num_heads", None), int)
    ):
        return "head"
    if MLP.search(name) and not NO_MLP.search(name):
        return "neuron"
    return "channel" if RESIDUAL.search(name) else None
