"""What is known by names and classes without a trace: torch's transformer layers, and attentions of a user's own."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from models.units.describe import family_of
from models.units.traced.plan import Found, Heads, Passing, Whole

ENCODERS = (nn.TransformerEncoderLayer, nn.TransformerDecoderLayer)
NUMBERS = ("num_heads", "n_heads", "heads", "n_head", "nhead", "num_attention_heads")
"""What an attention may call the number of its heads."""
FUSED = ("qkv", "to_qkv", "qkv_proj", "in_proj", "c_attn")
SEPARATE = (
    ("q", "k", "v"),
    ("q_proj", "k_proj", "v_proj"),
    ("to_q", "to_k", "to_v"),
    ("wq", "wk", "wv"),
    ("query", "key", "value"),
    ("queries", "keys", "values"),
)
READERS = ("proj", "out_proj", "to_out", "o_proj", "c_proj", "wo", "out")
"""What it may call the layer that reads all heads."""


def named(model: nn.Module) -> Iterator[Found]:
    """What may be cut; whether it can is for trying to say."""
    for name, module in model.named_modules():
        if type(module) in ENCODERS:
            first, second = f"{name}.linear1", f"{name}.linear2"
            yield Passing(first, "neuron", (first,), (second,))
        elif name and (heads := _heads(name, module)) is not None:
            yield heads


def known_whole(model: nn.Module) -> dict[str, Whole]:
    """What is known and never cut."""
    reason = "torch's attention, which takes the width of all heads for that of the tokens"
    return {
        name: Whole("head", reason) for name, module in model.named_modules() if type(module) is nn.MultiheadAttention
    }


def _heads(name: str, module: nn.Module) -> Heads | None:
    """Those of a module that looks like an attention of a user's own: a number of heads, and layers of the right sizes."""
    number = next((one for one in NUMBERS if type(getattr(module, one, None)) is int), None)
    reader = next((one for one in READERS if _width(module, one, 1)), None)
    if number is None or reader is None or family_of(module) is not None:
        return None
    count, width = getattr(module, number), _width(module, reader, 1)
    fused = next(((one,) for one in FUSED if _width(module, one, 0) == 3 * width), None)
    makers = fused or next((three for three in SEPARATE if all(_width(module, one, 0) == width for one in three)), None)
    if makers is None or count < 2 or width % count:
        return None
    return Heads(name, number, width // count, makers, reader)


def _width(module: nn.Module, name: str, dim: int) -> int:
    """Size of a linear layer's weight along `dim`; 0 where there is no such layer."""
    layer = getattr(module, name, None)
    return int(layer.weight.shape[dim]) if type(layer) is nn.Linear else 0
