"""Torch-Pruning (Fang et al., CVPR 2023, arXiv 2301.12900) as its users use it: one ratio for all, sought to meet a target."""

from __future__ import annotations

import copy
import warnings
from types import ModuleType
from typing import Any

import torch
from timm.layers.attention import Attention
from torch import nn

from models.cost import count_macs
from models.errors import UserError
from models.units.base import UnitGroup

LAYERS = (nn.Linear, nn.Conv2d)
STEPS = 12
"""Bisections of the ratio: to a four-thousandth of it."""


def library() -> ModuleType:
    """The package; UserError where it is not installed."""
    try:
        import torch_pruning
    except ImportError as error:
        raise UserError(
            "torch-pruning is not installed here, and nothing of prunetune needs it but this benchmark; install it with "
            "`uv pip install -e .[peers]`"
        ) from error
    return torch_pruning  # type: ignore[no-any-return]


def cut_by_torch_pruning(model: nn.Module, input_shape: tuple[int, ...], macs_share: float) -> nn.Module:
    """A copy of the network, cut by group magnitude to at most this share of its multiply-accumulates."""
    wanted = macs_share * count_macs(model, input_shape)
    low, high, best = 0.0, 1.0, None
    for _ in range(STEPS):
        ratio = (low + high) / 2
        cut = _cut_by(model, input_shape, ratio)
        if count_macs(cut, input_shape) <= wanted:
            high, best = ratio, cut
        else:
            low = ratio
    if best is None:
        raise UserError(f"Torch-Pruning came to no network of {macs_share:g} of the multiply-accumulates")
    return best


def _cut_by(model: nn.Module, input_shape: tuple[int, ...], ratio: float) -> nn.Module:
    tp, cut = library(), copy.deepcopy(model).eval()
    attentions = [module for module in cut.modules() if isinstance(module, Attention)]
    classifier: Any = cut.get_classifier()  # type: ignore[operator]  # timm's method
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of parameters that belong to no layer, which it prunes by itself
        pruner = tp.pruner.BasePruner(
            cut,
            torch.zeros(1, *input_shape),
            importance=tp.importance.GroupMagnitudeImportance(p=1),
            pruning_ratio=ratio,
            ignored_layers=[classifier],
            num_heads={attention.qkv: attention.num_heads for attention in attentions},
            prune_num_heads=True,
            prune_head_dims=False,
            head_pruning_ratio=ratio,
        )
        pruner.step()
    for attention in attentions:
        attention.num_heads = pruner.num_heads[attention.qkv]
        attention.head_dim = attention.qkv.weight.shape[0] // (3 * attention.num_heads)
        attention.attn_dim = attention.num_heads * attention.head_dim
    for parameter in cut.parameters():
        parameter.grad = None
    return cut


def without_unit(model: nn.Module, group: UnitGroup, unit: int, input_shape: tuple[int, ...]) -> nn.Module:
    """A copy of the network without one unit, everything tied to it found by the library's own dependency graph."""
    tp, cut = library(), copy.deepcopy(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph = tp.DependencyGraph().build_dependency(cut, example_inputs=torch.zeros(1, *input_shape))
        produced, layer = next(
            (tied, module)
            for tied in group.slices
            if tied.dim == 0 and isinstance(module := cut.get_submodule(tied.tensor.rpartition(".")[0]), LAYERS)
        )
        prune = tp.prune_conv_out_channels if isinstance(layer, nn.Conv2d) else tp.prune_linear_out_channels
        graph.get_pruning_group(layer, prune, idxs=produced.index[unit].tolist()).prune()
    return cut
