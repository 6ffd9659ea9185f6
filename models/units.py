"""UnitGroup: the units that can be removed together with every tensor tied to them.

The only place that knows where a head's, a neuron's or a channel's weights lie. Scores, penalties, costs and removal
all derive from these descriptions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import torch
from timm.layers.attention import Attention
from timm.layers.mlp import Mlp
from timm.models.resnet import BasicBlock, Bottleneck
from torch import Tensor, nn

from models.errors import UserError
from models.structure import GroupStructure, Kind, Structure
from models.twistnet import TwistBlock

Target = Literal["head", "mlp", "both", "channel"]
KINDS_OF_TARGET: dict[Target, tuple[Kind, ...]] = {
    "head": ("head",),
    "mlp": ("neuron",),
    "both": ("head", "neuron"),
    "channel": ("channel",),
}


@dataclass(frozen=True)
class TiedSlice:
    """The part of one tensor that belongs to each unit of a group.

    `tensor` is its name in the state dict; `dim` the dimension that is cut; `index` an int64 tensor of shape
    (units, elements): row u lists the indices along `dim` that belong to unit u. `is_parameter` is False for buffers
    such as BatchNorm's running statistics, which are cut but neither scored nor penalised. The rows of `index`
    together cover the whole of `dim`.
    """

    tensor: str
    dim: int
    index: Tensor
    is_parameter: bool = True


@dataclass(frozen=True)
class UnitGroup:
    """Units 0..count-1 of one attention, one MLP or one convolution block, *as the network stands now*.

    Unit positions count within the present network; `Structure.kept(name)` maps a position to the original index.
    `activation` names the module whose forward *input* carries this group's activations: `proj` for heads, `fc2` for
    neurons, the next convolution for channels. Units lie along dimension 1 of a convolution's input and along the last
    of a linear layer's; each owns size/count consecutive features there (head_dim for a head, one for the others).
    """

    name: str
    kind: Kind
    count: int
    slices: tuple[TiedSlice, ...]
    activation: str


def describe(model: nn.Module) -> tuple[UnitGroup, ...]:
    """The groups of `model` as it stands, dense or compact, in the order of its modules.

    Known are timm's `Attention` with fused qkv, timm's `Mlp`, the inner channels of ResNet's `BasicBlock` and
    `Bottleneck`, and TwistNet's blocks; what is like them but cannot be cut exactly is left whole (`left_whole`).

    Raises:
        UserError: nothing in the network can be pruned; the message says what was looked at and why not.
    """
    groups: list[UnitGroup] = []
    for name, module in model.named_modules():
        if _why_left_whole(module) is None:
            groups.extend(_groups_of(name, module))
    if groups:
        return tuple(groups)
    reasons = sorted(set(left_whole(model).values()))
    found = "; ".join(reasons) if reasons else "no attention with fused qkv, Mlp with fc1/fc2, or ResNet block"
    raise UserError(
        f"model {_model_name(model)}: nothing in it can be pruned (found: {found}); "
        "choose a network of the ViT/DeiT or ResNet family"
    )


def dense_structure(groups: Iterable[UnitGroup]) -> Structure:
    """The structure in which every unit of `groups` is still there."""
    return Structure(
        {group.name: GroupStructure(group.kind, group.count, tuple(range(group.count))) for group in groups}
    )


def kinds_of_target(target: Target) -> tuple[Kind, ...]:
    """The kinds of units that the configuration's `target` word stands for."""
    return KINDS_OF_TARGET[target]


def left_whole(model: nn.Module) -> dict[str, str]:
    """Module name → why it is not pruned, for modules of a known class that cannot be cut exactly."""
    reasons = {name: _why_left_whole(module) for name, module in model.named_modules()}
    return {name: reason for name, reason in reasons.items() if reason is not None}


def _why_left_whole(module: nn.Module) -> str | None:
    """Why a module of a known class cannot be cut exactly; None if it can, or if its class is not known at all."""
    if type(module) is Attention:
        if module.gate is not None:
            return "gated attention"
        if not isinstance(module.norm, nn.Identity):
            return "attention with a norm over all heads (scale_norm)"
        return None
    if type(module) is Mlp:
        if not isinstance(module.norm, nn.Identity):
            return "MLP with a norm over its hidden neurons"
        return None
    if type(module) in (BasicBlock, Bottleneck):
        if not all(isinstance(getattr(module, norm), nn.BatchNorm2d) for norm in _inner_norms(module)):
            return "ResNet block whose norm is not BatchNorm"
        if type(module) is Bottleneck and module.conv2.groups != 1:
            return "ResNet block with grouped convolution"
        if not isinstance(module.drop_block, nn.Identity):
            return "ResNet block with drop_block, which scales by statistics over all channels"
        if not isinstance(module.aa, nn.Identity | nn.AvgPool2d):
            return "ResNet block with anti-aliasing"
    return None


def _model_name(model: nn.Module) -> str:
    """timm's name of the architecture where the model carries one, else its class."""
    config = getattr(model, "pretrained_cfg", None) or {}
    return str(config.get("architecture") or type(model).__name__)


def _groups_of(name: str, module: nn.Module) -> tuple[UnitGroup, ...]:
    if type(module) is Attention:
        return (_heads(name, module),)
    if type(module) is Mlp:
        return (_neurons(name, module),)
    if type(module) is BasicBlock:
        return (_inner_channels(name, name, module, "conv1", "bn1", ["conv2"]),)
    if type(module) is Bottleneck:
        return (
            _inner_channels(f"{name}.conv1", name, module, "conv1", "bn1", ["conv2"]),
            _inner_channels(f"{name}.conv2", name, module, "conv2", "bn2", ["conv3"]),
        )
    if type(module) is TwistBlock:
        return (_inner_channels(name, name, module, "conv1", "bn1", ["conv2", *module.readers_of_inner()]),)
    return ()


def _heads(name: str, attention: Attention) -> UnitGroup:
    heads, width = attention.num_heads, attention.head_dim
    one_band = torch.arange(heads * width).reshape(heads, width)
    qkv_rows = torch.cat([one_band + band * heads * width for band in range(3)], dim=1)
    slices = [
        *_of_layer(f"{name}.qkv", attention.qkv, 0, qkv_rows),
        TiedSlice(f"{name}.proj.weight", 1, one_band),
    ]
    return UnitGroup(name, "head", heads, tuple(slices), f"{name}.proj")


def _neurons(name: str, mlp: Mlp) -> UnitGroup:
    count = mlp.fc1.weight.shape[0]
    each = torch.arange(count).unsqueeze(1)
    slices = [*_of_layer(f"{name}.fc1", mlp.fc1, 0, each), TiedSlice(f"{name}.fc2.weight", 1, each)]
    return UnitGroup(name, "neuron", count, tuple(slices), f"{name}.fc2")


def _inner_channels(
    name: str, prefix: str, block: nn.Module, conv: str, norm: str, readers: list[str]
) -> UnitGroup:
    """Channels made by `conv`, normalised by `norm`, and read by the convolutions `readers` and nothing else."""
    producer = block.get_submodule(conv)
    count = producer.get_parameter("weight").shape[0]
    each = torch.arange(count).unsqueeze(1)
    slices = [
        *_of_layer(f"{prefix}.{conv}", producer, 0, each),
        *_of_layer(f"{prefix}.{norm}", block.get_submodule(norm), 0, each),
        *(TiedSlice(f"{prefix}.{reader}.weight", 1, each) for reader in readers),
    ]
    return UnitGroup(name, "channel", count, tuple(slices), f"{prefix}.{readers[0]}")


def _of_layer(name: str, layer: nn.Module, dim: int, index: Tensor) -> list[TiedSlice]:
    """One slice for each own parameter and buffer of a layer that has an entry per output unit (counters have none)."""
    parameters = [TiedSlice(f"{name}.{key}", dim, index) for key, _ in layer.named_parameters(recurse=False)]
    buffers = [
        TiedSlice(f"{name}.{key}", dim, index, is_parameter=False)
        for key, buffer in layer.named_buffers(recurse=False)
        if buffer.ndim > 0
    ]
    return [*parameters, *buffers]


def _inner_norms(block: nn.Module) -> tuple[str, ...]:
    return ("bn1",) if type(block) is BasicBlock else ("bn1", "bn2")
