"""Repair on a small network of every family: it helps, and nothing but what reads is touched."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import pytest
import torch
from torch import nn

from models.networks.registry import build, resolve_spec
from models.units.base import dense_structure
from models.units.compaction import positions_of, remove
from models.units.describe import describe
from pruning.repair import repair
from tests.models.networks import BASIC, BOTTLENECK, randomised
from tests.pruning.repair.test_repair import answers, every_other, images

MINIATURES: dict[str, Callable[[], nn.Module]] = {
    "vit_micro": lambda: build(resolve_spec("vit_micro", 10, 8, 3, args={"depth": 2})),
    "timm:resnet18": lambda: build(resolve_spec("timm:resnet18", 10, 32, 3, args=BASIC)),
    "timm:resnet50": lambda: build(resolve_spec("timm:resnet50", 10, 32, 3, args=BOTTLENECK)),
    "twistnet18": lambda: build(resolve_spec("twistnet18", 10, 32, 3)),
    "timm:resnext50_32x4d": lambda: build(
        resolve_spec("timm:resnext50_32x4d", 10, 32, 3, args={"layers": [1, 1, 1, 1], "cardinality": 4})
    ),
    "timm:regnety_002": lambda: build(resolve_spec("timm:regnety_002", 10, 32, 3)),
    "timm:mobilenetv3_small_050": lambda: build(resolve_spec("timm:mobilenetv3_small_050", 10, 32, 3)),
    "timm:test_efficientnet": lambda: build(resolve_spec("timm:test_efficientnet", 10, 32, 3)),
    "timm:pvt_v2_b0": lambda: build(
        resolve_spec(
            "timm:pvt_v2_b0",
            10,
            32,
            3,
            args={"depths": [1, 1, 1, 1], "embed_dims": [8, 16, 24, 32], "num_heads": [1, 2, 3, 4]},
        )
    ),
    "timm:test_byobnet": lambda: build(resolve_spec("timm:test_byobnet", 10, 32, 3)),
    "timm:test_coatnet": lambda: build(resolve_spec("timm:test_coatnet", 10, 32, 3)),
    "timm:beit_base_patch16_224": lambda: build(
        resolve_spec(
            "timm:beit_base_patch16_224",
            10,
            32,
            3,
            args={"depth": 2, "embed_dim": 48, "num_heads": 4, "init_values": None},
        )
    ),
    "timm:eva02_tiny_patch14_224": lambda: build(
        resolve_spec("timm:eva02_tiny_patch14_224", 10, 32, 3, args={"depth": 2, "embed_dim": 48, "num_heads": 3})
    ),
    "timm:vit_small_plus_patch16_dinov3": lambda: build(
        resolve_spec(
            "timm:vit_small_plus_patch16_dinov3", 10, 32, 3, args={"depth": 2, "embed_dim": 48, "num_heads": 3}
        )
    ),
    "timm:convnext_atto": lambda: build(
        resolve_spec("timm:convnext_atto", 10, 32, 3, args={"depths": [1, 1, 1, 1], "dims": [8, 16, 24, 32]})
    ),
    "timm:mixer_s16_224": lambda: build(resolve_spec("timm:mixer_s16_224", 10, 32, 3, args={"mlp_ratio": [0.1, 0.25]})),
    "timm:swin_tiny_patch4_window7_224": lambda: build(
        resolve_spec(
            "timm:swin_tiny_patch4_window7_224",
            10,
            56,
            3,
            args={"depths": [1, 1, 1, 1], "embed_dim": 24, "num_heads": [1, 2, 3, 4]},
        )
    ),
}


@pytest.mark.usefixtures("narrow_twistnet")
@pytest.mark.parametrize("arch", MINIATURES)
def test_on_every_family_the_repair_helps_and_leaves_the_network_as_it_was_alone(arch: str) -> None:
    torch.manual_seed(0)
    model = MINIATURES[arch]().eval()
    side = {"vit_micro": 8, "timm:swin_tiny_patch4_window7_224": 56}.get(arch, 32)
    with torch.no_grad():  # norms that start at 0 hide what lies before them
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter.normal_(0.5, 0.2)
            elif not parameter.any():
                parameter.normal_(0.0, 0.05)
    groups = describe(model)
    structure, drop = dense_structure(groups), every_other(groups)
    gone = positions_of(structure, drop)
    given = images(24, side)

    before, dense = deepcopy(model), answers(model, given)
    remove(model, structure, drop)
    plain = answers(model, given)
    told = repair(model, before, groups, gone, given, "least_squares")
    repaired = answers(model, given)
    assert torch.equal(answers(before, given), dense)
    errors = [(one.error_repaired, one.error_removed) for one in told.values()]
    better = [after < before for after, before in errors if after is not None and before is not None]
    assert sum(better) >= 0.8 * len(better)
    assert (repaired - dense).norm() < (plain - dense).norm()


@pytest.mark.usefixtures("narrow_twistnet")
@pytest.mark.parametrize("earlier", [{}, {"layer4.0.interactions": (0, 2), "layer3.1.interactions": (0, 1, 2, 3)}])
def test_interaction_heads_that_go_are_made_up_for_by_gate_and_projection(earlier: dict[str, tuple[int, ...]]) -> None:
    torch.manual_seed(0)
    model = randomised(MINIATURES["twistnet18"](), seed=0).eval()
    structure = remove(model, dense_structure(describe(model, ("interaction",))), earlier)
    groups = describe(model, ("interaction",))
    drop = {"layer3.0.interactions": (1, 3), "layer4.1.interactions": (0, 1, 2, 3), "layer4.0": tuple(range(8))}
    before, given = deepcopy(model), images(48, 32)
    remove(model, structure, drop)
    plain, dense = answers(model, given), answers(before, given)
    told = repair(model, before, groups, positions_of(structure, drop), given, "least_squares")
    for block in ("layer3.0", "layer4.1"):
        assert {f"{block}.interactions.gate.fc1", f"{block}.interactions.project"} <= set(told)
    heads = {int(name.split(".")[4]) for name in told if name.startswith("layer4.0.interactions.heads")}
    assert heads == ({1, 3} if earlier else {0, 1, 2, 3}), "a head that is gone reads nothing"
    assert (answers(model, given) - dense).norm() < (plain - dense).norm()


def test_channels_of_the_stream_and_branches_that_go_are_made_up_for_by_all_that_reads_the_stream() -> None:
    torch.manual_seed(0)
    model = MINIATURES["vit_micro"]().eval()
    groups = describe(model, ("embed", "qk", "branch"))
    drop = {"embed": tuple(range(0, 64, 4)), "blocks.0.attn": (1,), "blocks.1.attn.qk": (3,), "mlp_branches": (1,)}
    before, structure, given = deepcopy(model), dense_structure(groups), images(64, 8)
    after = remove(model, structure, drop)
    plain, dense = answers(model, given), answers(before, given)
    whole = {name: tuple(set(group.kept) - set(after.kept(name))) for name, group in structure.groups.items()}
    told = repair(model, before, groups, positions_of(structure, whole), given, "least_squares")
    assert set(told) == {
        *("blocks.0.attn.qkv", "blocks.0.attn.proj", "blocks.0.mlp.fc1", "blocks.1.attn.qkv", "head"),
    }, "each layer that has lost inputs, and none of a branch that is gone"
    assert (answers(model, given) - dense).norm() < 0.5 * (plain - dense).norm()
