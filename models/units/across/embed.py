"""The width of a vision transformer's residual stream: unit c is channel c of everything that writes to it or reads from it.

Patches, class and register tokens and positions; the norms and scales of every block; what its branches read and write; the
last norm and the classifier. Norms then run over the channels that are left. Of timm's `VisionTransformer`, distilled or not.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from timm.layers.layer_scale import LayerScale
from timm.layers.patch_embed import PatchEmbed
from timm.models.deit import VisionTransformerDistilled
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from models.units.across.base import Across, Counts
from models.units.across.branch import BOTH, blocks_of, is_there
from models.units.base import TiedSlice, UnitGroup, of_layer
from models.units.families.attention import ATTENTION_CLASSES
from models.units.families.glu import GLU_CLASSES
from models.units.families.mlp import MLP_CLASSES, NARROWED
from models.units.norms import NORMS

NAME = "embed"
NETWORKS = (VisionTransformer, VisionTransformerDistilled)
EACH = (*NORMS, LayerScale)
"""What has one entry for each channel along dimension 0 of all its parameters."""
WORKS = (*ATTENTION_CLASSES, *MLP_CLASSES, *GLU_CLASSES)
READERS = ("qkv", "gate", "fc1", "fc1_g", "fc1_x")
"""What the layers of an attention or MLP are called that read the stream, along dimension 1 of their weights."""
WRITERS = ("proj", "fc2")
"""And those that write to it, along dimension 0."""
TOKENS = ("cls_token", "dist_token", "reg_token", "pos_embed")
"""Parameters of the network itself, (1, tokens, channels)."""
CLASSIFIERS = ("head", "head_dist")
STREAM = "norm"
"""The module whose input is the stream behind all blocks: the last norm, or where that comes after pooling an identity."""


def stream_groups(model: nn.Module) -> tuple[UnitGroup, ...]:
    """One group of all channels."""
    width = len(model.get_parameter("patch_embed.proj.weight"))
    each = torch.arange(width).unsqueeze(1)
    return (UnitGroup(NAME, "embed", width, tuple(_slices(model, each)), STREAM),)


def why_not(model: nn.Module) -> str | None:
    """Why no channel of the stream can be taken out exactly, or None."""
    if type(model) not in NETWORKS:
        return f"it is a {type(model).__name__}, and only a VisionTransformer's width is known throughout"
    if type(model.get_submodule("patch_embed")) is not PatchEmbed:
        return f"its patches are made by a {type(model.get_submodule('patch_embed')).__name__}"
    known = {name for name, _, _ in _tied_layers(model)}
    for name, module in model.named_modules():
        own = bool(name) and any(parameter.numel() for parameter in module.parameters(recurse=False))
        if own and name not in known and not _lies_in_a_work(model, name):
            return f"it has a block {type(module).__name__} at {name}"
    unaffine = [name for name, module in model.named_modules() if type(module) in NORMS and module.weight is None]
    if unaffine:
        return f"it has a norm without weights at {unaffine[0]}"
    named = {name for name, _ in model.named_parameters(recurse=False)} - set(TOKENS)
    return f"it has parameters of its own: {', '.join(sorted(named))}" if named else None


def _slices(model: nn.Module, each: Tensor) -> Iterator[TiedSlice]:
    """In the order of the network, but for the tokens, which come first."""
    for key in TOKENS:
        if getattr(model, key, None) is not None:
            yield TiedSlice(key, 2, each)
    for name, layer, dim in _tied_layers(model):
        if dim == 0:
            yield from of_layer(name, layer, 0, each)
        else:
            yield TiedSlice(f"{name}.weight", 1, each)


def _tied_layers(model: nn.Module) -> Iterator[tuple[str, nn.Module, int]]:
    """(name, layer, dimension of its weight that the channels lie along) for every layer that has an entry per channel.

    What reads the stream has them still once its branch is gone and it gives nothing.
    """
    gone = {f"{name}.{part}" for name, block in blocks_of(model) for part in _of_gone_branches(block)}
    for name, module in model.named_modules():
        around, _, inner = name.rpartition(".")
        in_a_work = isinstance(module, nn.Linear) and _lies_in_a_work(model, name)
        if (name in CLASSIFIERS and isinstance(module, nn.Linear)) or (in_a_work and inner in READERS):
            yield name, module, 1
        elif name in gone or around in gone:
            continue
        else:
            writes = name == "patch_embed.proj" or (in_a_work and inner in WRITERS)
            if writes or (type(module) in EACH and not _lies_in_a_work(model, name)):
                yield name, module, 0


def _of_gone_branches(block: nn.Module) -> Iterator[str]:
    """What a block calls the modules of the branches that it has lost; they hold nothing."""
    for branches in BOTH:
        if not is_there(block.get_submodule(branches.work)):
            yield from branches.modules


def _lies_in_a_work(model: nn.Module, name: str) -> bool:
    """Whether the module lies in an attention or an MLP whose layers are all known, and so is one of its own widths."""
    around = name.rpartition(".")[0]
    return bool(around) and type(model.get_submodule(around)) in WORKS


def _after_cut(model: nn.Module, counts: Counts) -> None:
    if NAME in counts and type(model) in NETWORKS:
        for key in ("embed_dim", "num_features", "head_hidden_size"):
            setattr(model, key, counts[NAME])
        for module in model.modules():
            if type(module) in MLP_CLASSES:
                setattr(module, NARROWED, True)


EMBED = Across(stream_groups, why_not, _after_cut)
