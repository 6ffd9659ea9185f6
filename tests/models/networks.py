"""The architectures that the contract tests run over, small and at random weights that no symmetry can hide behind."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import pytest
import torch
from torch import nn

from models.networks import twistnet
from models.networks.registry import build, resolve_spec
from models.spec import ModelSpec
from models.units.base import UnitGroup
from models.units.compaction import Positions
from models.units.structure import GroupStructure, Structure

SMALL = {"depth": 2, "embed_dim": 48, "num_heads": 3}
BASIC = {"channels": [16, 24, 32, 40]}
BOTTLENECK = {"layers": [1, 1, 1, 1], "channels": [8, 12, 16, 20]}
NETWORKS: dict[str, tuple[str, int, dict[str, Any]]] = {
    "vit_micro": ("vit_micro", 8, {}),
    "vit_tiny": ("vit_tiny", 16, {"depth": 3}),
    "qk_norm": ("timm:vit_tiny_patch16_224", 16, {**SMALL, "qk_norm": True}),
    "layer_scale_no_bias": ("timm:vit_tiny_patch16_224", 16, {**SMALL, "init_values": 0.1, "qkv_bias": False}),
    "registers": ("timm:vit_little_patch16_reg4_gap_256", 16, SMALL),
    "registers_and_class_token": ("timm:vit_tiny_patch16_224", 16, {**SMALL, "reg_tokens": 4}),
    "average_pool": ("timm:vit_tiny_patch16_224", 16, {**SMALL, "global_pool": "avg", "class_token": False}),
    "deit": ("timm:deit_tiny_patch16_224", 16, SMALL),
    "deit_distilled": ("timm:deit_tiny_distilled_patch16_224", 16, SMALL),
    "windows": (
        "timm:swin_tiny_patch4_window7_224",
        32,
        {"depths": [2, 1], "num_heads": [2, 4], "embed_dim": 32, "window_size": 4, "drop_path_rate": 0.0},
    ),
    "windows_v2": (
        "timm:swinv2_tiny_window8_256",
        32,
        {"depths": [2, 1], "num_heads": [2, 4], "embed_dim": 32, "window_size": 4, "drop_path_rate": 0.0},
    ),
    "mixer": ("timm:mixer_s32_224", 64, {"mlp_ratio": [0.1, 0.25]}),
    "resnet18": ("timm:resnet18", 16, BASIC),
    "resnet18_avg_down": ("timm:resnet18d", 16, BASIC),
    "resnet50": ("timm:resnet50", 16, BOTTLENECK),
    "resnext50": (
        "timm:resnext50_32x4d",
        16,
        {"layers": [1, 1, 1, 1], "channels": [32, 48, 64, 80], "cardinality": 4},
    ),
    "seresnet50": ("timm:seresnet50", 16, BOTTLENECK),
    "regnet": ("timm:regnety_002", 32, {}),
    "mobilenet": ("timm:mobilenetv3_small_050", 32, {}),
    "mobilenet_v4": ("timm:mobilenetv4_conv_small_035", 32, {}),
    "mobilenet_same_padding": ("timm:tf_mobilenetv3_small_minimal_100", 33, {}),
    "efficientnet": ("timm:test_efficientnet", 32, {}),
    "byobnet": ("timm:test_byobnet", 32, {}),
    "preactivated": ("timm:resnetv2_50", 16, {"layers": [1, 1, 1, 1], "channels": [16, 32, 48, 64]}),
    "pvt": ("timm:pvt_v2_b0", 32, {"depths": [1, 1, 1, 1], "embed_dims": [8, 16, 24, 32], "num_heads": [1, 2, 3, 4]}),
    "coatnet": ("timm:test_coatnet", 32, {}),
    "beit": ("timm:beit_base_patch16_224", 16, {**SMALL, "num_heads": 4}),
    "beit_no_bias": ("timm:beit_base_patch16_224", 16, {**SMALL, "qkv_bias": False}),
    "eva02": ("timm:eva02_tiny_patch14_224", 16, SMALL),
    "eva02_scaled": ("timm:eva02_base_patch14_224", 16, {"depth": 3, "embed_dim": 48, "num_heads": 6}),
    "dinov3": ("timm:vit_small_patch16_dinov3", 16, SMALL),
    "rope": ("timm:vit_small_patch16_rope_224", 16, SMALL),
    "dinov3_gated": ("timm:vit_small_plus_patch16_dinov3", 16, SMALL),
    "convnext": ("timm:convnext_atto", 32, {"depths": [1, 1, 1, 1], "dims": [8, 16, 24, 32]}),
    "convnext_conv_mlp": (
        "timm:convnext_atto",
        32,
        {"depths": [1, 1, 1, 1], "dims": [8, 16, 24, 32], "conv_mlp": True},
    ),
    "twistnet18": ("twistnet18", 32, {}),
    "twistnet18_no_spiral": ("twistnet18_no_spiral", 32, {}),
    "twistnet18_no_ais": ("twistnet18_no_ais", 32, {}),
    "twistnet18_first_order": ("twistnet18_first_order", 32, {}),
    "twistnet18_full_pairs": ("twistnet18_full_pairs", 32, {}),
}
NARROW_STAGES = ((64, False), (24, False), (32, True), (40, True))


@pytest.fixture
def narrow_twistnet(monkeypatch: pytest.MonkeyPatch) -> None:
    """TwistNet has no argument for its widths: hundreds of channels, where tens have the same blocks and shortcuts."""
    monkeypatch.setattr(twistnet, "STAGES", NARROW_STAGES)


def spec_of(name: str, num_classes: int = 5) -> ModelSpec:
    arch, img_size, args = NETWORKS[name]
    return resolve_spec(arch, num_classes, img_size, 3, args=args)


def trained_looking(spec: ModelSpec, seed: int = 0) -> nn.Module:
    """A float64 network whose every parameter and running statistic is random, so that nothing cancels by chance."""
    return copy.deepcopy(_trained_looking(json.dumps(spec.to_json()), seed, twistnet.STAGES))


@lru_cache(maxsize=1)
def _trained_looking(spec_json: str, seed: int, stages: object) -> nn.Module:
    """Tests of one network follow each other, and drawing its weights takes longer than copying them.

    `stages` are TwistNet's, so that a narrow one and a wide one are two.
    """
    spec = ModelSpec.from_json(json.loads(spec_json))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _randomise(build(spec)).double()


def randomised(model: nn.Module, seed: int) -> nn.Module:
    """The same with every parameter and running statistic random."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _randomise(model)


@torch.no_grad()
def _randomise(model: nn.Module) -> nn.Module:
    for parameter in model.parameters():
        fan_in = parameter[0].numel() if parameter.ndim > 1 else 1
        parameter.copy_(torch.randn_like(parameter) * (1.5 * fan_in**-0.5 if parameter.ndim > 1 else 0.3))
    for name, buffer in model.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_()
        if name.endswith("running_var"):
            buffer.uniform_(0.5, 2.0)
    return model


def random_structure(groups: tuple[UnitGroup, ...], seed: int, empty: bool = False) -> Structure:
    """Every group keeps a random subset of random size, one of them everything; with `empty`, another one nothing."""
    generator = torch.Generator().manual_seed(seed)
    chosen: dict[str, GroupStructure] = {}
    for number, group in enumerate(groups):
        size = int(torch.randint(1, group.count + 1, (1,), generator=generator))
        size = group.count if number == len(groups) - 1 else 0 if empty and number == 1 else size
        kept = sorted(torch.randperm(group.count, generator=generator)[:size].tolist())
        chosen[group.name] = GroupStructure(group.kind, group.count, tuple(kept))
    return Structure(chosen)


def dropped(structure: Structure) -> dict[str, tuple[int, ...]]:
    """What has to go from the dense network to arrive at `structure`."""
    return {
        name: tuple(unit for unit in range(group.total) if unit not in set(group.kept))
        for name, group in structure.groups.items()
    }


def images_for(spec: ModelSpec, batch: int = 4, seed: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn((batch, *spec.input_shape), generator=generator, dtype=torch.float64)


@torch.no_grad()
def zero_units(model: nn.Module, groups: Iterable[UnitGroup], positions: Positions) -> None:
    """Set every tied parameter of the units at `positions` to zero, so that they contribute nothing, without cutting.

    The oracle of compaction: the zeroed network computes what the compact one computes, in train and eval mode.
    """
    parameters = dict(model.named_parameters())
    for group in groups:
        chosen = list(positions.get(group.name, ()))
        for tied in group.slices:
            if tied.is_parameter:
                parameters[tied.tensor].index_fill_(tied.dim, tied.index[chosen].flatten(), 0.0)
