"""Beyond the networks of the contract tests: single blocks, grouped convolutions down to none, reasons to stay whole."""

from __future__ import annotations

import copy
from functools import partial

import pytest
import timm
import torch
from timm.layers import GroupNormAct, StdConv2d
from timm.layers.attention import Attention, AttentionRope
from timm.layers.conv2d_same import Conv2dSame
from timm.layers.mlp import GatedMlp, GlobalResponseNormMlp, GluMlp, Mlp, SwiGLU
from timm.models._efficientnet_blocks import DepthwiseSeparableConv, EdgeResidual, InvertedResidual
from timm.models.eva import EvaAttention
from timm.models.regnet import Bottleneck as RegNetBottleneck
from timm.models.resnet import Bottleneck
from timm.models.vitamin import GeGluMlp
from torch import nn

from models.units.base import dense_structure
from models.units.compaction import remove
from models.units.describe import describe, left_whole
from models.units.empty_layers import EmptyAvgPool2d, swap_if_empty
from tests.models.networks import zero_units

BLOCKS: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "gated attention": (Attention(24, 6, gated=True, qkv_bias=True), (2, 5, 24)),
    "gated eva attention": (EvaAttention(24, 6, scale_norm=False, gated=True), (2, 5, 24)),
    "eva attention, no biases": (EvaAttention(24, 6, scale_norm=False, qkv_bias=False), (2, 5, 24)),
    "eva attention in three layers": (EvaAttention(24, 6, scale_norm=False, qkv_fused=False), (2, 5, 24)),
    "eva attention, norms of q and k": (
        EvaAttention(24, 6, scale_norm=False, qk_norm=True, norm_layer=nn.LayerNorm, qkv_bias_separate=True),
        (2, 5, 24),
    ),
    "rotary attention": (AttentionRope(24, 6, gated=True), (2, 5, 24)),
    "rotary attention in three layers": (AttentionRope(24, 6, qkv_fused=False), (2, 5, 24)),
    "glu": (GluMlp(8, 32), (2, 5, 8)),
    "glu, gate first": (GluMlp(8, 32, gate_last=False, act_layer=nn.SiLU), (2, 5, 8)),
    "glu of convolutions": (GluMlp(8, 32, use_conv=True), (2, 8, 3, 3)),
    "swiglu": (SwiGLU(8, 16), (2, 5, 8)),
    "geglu": (GeGluMlp(8, 16), (2, 5, 8)),
    "mlp of convolutions": (Mlp(8, 16, use_conv=True), (2, 8, 3, 3)),
    "groups of four in an inverted residual": (InvertedResidual(8, 8, group_size=4, exp_ratio=4.0), (2, 8, 5, 5)),
    "a plain convolution in RegNet": (RegNetBottleneck(16, 16, group_size=16), (2, 16, 5, 5)),
    "averages between": (Bottleneck(32, 8, stride=2, downsample=nn.AvgPool2d(2), aa_layer=nn.AvgPool2d), (2, 32, 6, 6)),
    "groups with other widths on either side": (
        Bottleneck(32, 8, cardinality=4, base_width=64, reduce_first=2),
        (2, 32, 5, 5),
    ),
}


def with_random_weights(block: nn.Module) -> nn.Sequential:
    """Alone in a network, in double precision, so that nothing cancels by chance."""
    network = nn.Sequential(copy.deepcopy(block)).double().eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64) * 0.5)
    return network


@pytest.mark.parametrize("kept", ["some", "none"])
@pytest.mark.parametrize("name", BLOCKS)
def test_a_single_block_without_units_computes_what_it_computes_with_them_at_zero(name: str, kept: str) -> None:
    block, shape = BLOCKS[name]
    network = with_random_weights(block)
    groups = describe(network)
    half = {group.name: tuple(range(0, group.count, 2 if kept == "some" else 1)) for group in groups}
    images = torch.randn(shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    zeroed, small = copy.deepcopy(network), copy.deepcopy(network)
    zero_units(zeroed, groups, half)
    structure = remove(small, dense_structure(groups), half)
    assert {group.name: group.count for group in describe(small)} == structure.counts()
    torch.testing.assert_close(small(images), zeroed(images), rtol=1e-9, atol=1e-9)
    assert (small(images) - network(images)).abs().max() > 1e-3


@pytest.mark.parametrize(
    ("block", "shape"),
    [
        (Bottleneck(32, 8, cardinality=4, base_width=64), (2, 32, 5, 5)),
        (InvertedResidual(8, 8, exp_ratio=4.0), (2, 8, 5, 5)),
    ],
    ids=["groups of eight", "depthwise"],
)
def test_one_group_left_is_still_a_group_and_can_go_too(block: nn.Module, shape: tuple[int, ...]) -> None:
    network = with_random_weights(block)
    (group,) = describe(network)
    structure = remove(network, dense_structure([group]), {group.name: range(1, group.count)})
    images = torch.randn(shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    (left,) = describe(network)
    assert (left.name, left.count) == (group.name, 1)
    assert left.slices[0].index.shape == group.slices[0].index[:1].shape
    one_left = network(images)
    remove(network, structure, {group.name: [0]})
    none_left = network(images)
    assert none_left.isfinite().all()
    assert not torch.allclose(one_left, none_left)


def test_units_of_groups_are_the_same_channels_on_either_side() -> None:
    (group,) = describe(nn.Sequential(Bottleneck(32, 8, cardinality=4, base_width=64, reduce_first=2)))
    assert group.count == 4
    inner, outer = list(range(4, 8)), list(range(8, 16))
    assert {tied.tensor: tied.index[1].tolist() for tied in group.slices if tied.is_parameter} == {
        "0.conv1.weight": inner,
        "0.bn1.weight": inner,
        "0.bn1.bias": inner,
        "0.conv2.weight": outer,
        "0.bn2.weight": outer,
        "0.bn2.bias": outer,
        "0.conv3.weight": outer,
    }


def test_squeeze_excitation_reads_and_writes_the_expanded_channels() -> None:
    with torch.device("meta"):
        model = timm.create_model("mobilenetv3_small_050", pretrained=False)
    (group,) = (group for group in describe(model) if group.name == "blocks.3.0")
    assert [tied.tensor for tied in group.slices if tied.dim == 1] == [
        "blocks.3.0.se.conv_reduce.weight",
        "blocks.3.0.conv_pwl.weight",
    ]
    assert {tied.tensor for tied in group.slices if "conv_expand" in tied.tensor} == {
        "blocks.3.0.se.conv_expand.weight",
        "blocks.3.0.se.conv_expand.bias",
    }
    assert all(tied.dim == 0 for tied in group.slices if "conv_dw" in tied.tensor)


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        (InvertedResidual(8, 8, exp_ratio=4.0, norm_layer=partial(GroupNormAct, num_groups=4)), "not BatchNorm"),
        (InvertedResidual(8, 8, exp_ratio=4.0, dw_kernel_size=[3, 5]), "MixedConv2d"),
        (InvertedResidual(8, 16, stride=2, exp_ratio=4.0, aa_layer="blur"), "anti-aliasing"),
        (EdgeResidual(8, 8, group_size=4, exp_ratio=4.0), "first or last convolution is grouped"),
        (DepthwiseSeparableConv(8, 8), "channels are those between the blocks"),
        (GlobalResponseNormMlp(8, 16), "global response norm"),
        (GatedMlp(8, 16), "gate mixes tokens"),
        (SwiGLU(8, 16, norm_layer=nn.LayerNorm), "norm over its hidden"),
        (EvaAttention(16, 2, norm_layer=nn.LayerNorm), "scale_norm"),
        (AttentionRope(16, 4, num_kv_heads=2, qkv_fused=False), "share keys and values"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_stays_whole_says_why(block: nn.Module, reason: str) -> None:
    network = nn.Sequential(block, Mlp(8, 16))
    assert [group.name for group in describe(network)] == ["1"]
    assert reason in left_whole(network)["0"]


def test_a_convolution_that_standardises_its_weights_is_not_cut() -> None:
    block = Bottleneck(32, 8)
    block.conv2 = StdConv2d(8, 8, 3, padding=1)
    assert left_whole(nn.Sequential(block))["0"] == "block with a StdConv2d"


@pytest.mark.parametrize(
    ("name", "args", "reason"),
    [
        ("vit_small_patch16_rope_mixed_224", {}, "frequencies of their own"),
        ("beit_base_patch16_224", {"use_shared_rel_pos_bias": True}, "share one table"),
    ],
)
def test_what_heads_share_beyond_their_block_keeps_them_whole(name: str, args: dict[str, bool], reason: str) -> None:
    with torch.device("meta"):
        model = timm.create_model(name, pretrained=False, depth=2, **args)
    assert {group.kind for group in describe(model)} == {"neuron"}
    assert all(reason in why for why in left_whole(model).values())
    assert len(left_whole(model)) == 2


@pytest.mark.parametrize("side", [7, 8, 9])
def test_an_average_over_nothing_gives_maps_of_the_usual_size(side: int) -> None:
    usual = nn.AvgPool2d(3, stride=2, padding=1)
    empty = EmptyAvgPool2d(3, stride=2, padding=1)
    assert empty(torch.ones(1, 0, side, side)).shape[2:] == usual(torch.ones(1, 4, side, side)).shape[2:]


@pytest.mark.parametrize("side", [7, 8, 9])
@pytest.mark.parametrize("kind", [nn.Conv2d, Conv2dSame])
def test_a_convolution_of_nothing_gives_maps_of_the_usual_size(kind: type[nn.Conv2d], side: int) -> None:
    usual = kind(4, 4, 3, stride=2, padding=1, groups=4)
    empty = kind(4, 4, 3, stride=2, padding=1, groups=4)
    empty.weight, empty.bias, empty.out_channels = nn.Parameter(empty.weight[:0]), None, 0
    swap_if_empty(empty)
    assert empty(torch.ones(1, 0, side, side)).shape[2:] == usual(torch.ones(1, 4, side, side)).shape[2:]
