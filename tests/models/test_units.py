from __future__ import annotations

from functools import partial

import pytest
import timm
import torch
from timm.layers.attention import Attention
from timm.layers.mlp import GlobalResponseNormMlp, Mlp
from timm.models.resnet import BasicBlock
from torch import nn

from models.errors import UserError
from models.units.base import UnitGroup, dense_structure
from models.units.describe import describe, left_whole
from tests.models.networks import NETWORKS, images_for, spec_of, trained_looking

pytestmark = pytest.mark.usefixtures("narrow_twistnet")


def by_name(model: nn.Module) -> dict[str, UnitGroup]:
    return {group.name: group for group in describe(model)}


def test_vision_transformer_groups() -> None:
    groups = describe(trained_looking(spec_of("vit_micro")))
    assert [group.name for group in groups] == [f"blocks.{i}.{part}" for i in range(4) for part in ("attn", "mlp")]
    assert [(group.kind, group.count) for group in groups[:2]] == [("head", 4), ("neuron", 256)]
    heads, neurons = groups[:2]
    assert heads.activation == "blocks.0.attn.proj"
    assert [(tied.tensor, tied.dim) for tied in heads.slices] == [
        ("blocks.0.attn.qkv.weight", 0),
        ("blocks.0.attn.qkv.bias", 0),
        ("blocks.0.attn.proj.weight", 1),
    ]
    assert heads.slices[0].index[1].tolist() == [*range(16, 32), *range(80, 96), *range(144, 160)]
    assert neurons.activation == "blocks.0.mlp.fc2"
    assert [(tied.tensor, tied.dim) for tied in neurons.slices] == [
        ("blocks.0.mlp.fc1.weight", 0),
        ("blocks.0.mlp.fc1.bias", 0),
        ("blocks.0.mlp.fc2.weight", 1),
    ]


def test_resnet_groups() -> None:
    basic = by_name(trained_looking(spec_of("resnet18")))
    assert list(basic)[:2] == ["layer1.0", "layer1.1"]
    assert basic["layer3.1"].count == 32
    assert basic["layer1.0"].activation == "layer1.0.conv2"
    assert [(tied.tensor, tied.dim, tied.is_parameter) for tied in basic["layer1.0"].slices] == [
        ("layer1.0.conv1.weight", 0, True),
        ("layer1.0.bn1.weight", 0, True),
        ("layer1.0.bn1.bias", 0, True),
        ("layer1.0.bn1.running_mean", 0, False),
        ("layer1.0.bn1.running_var", 0, False),
        ("layer1.0.conv2.weight", 1, True),
    ]
    bottleneck = by_name(trained_looking(spec_of("resnet50")))
    assert list(bottleneck)[:2] == ["layer1.0.conv1", "layer1.0.conv2"]
    assert bottleneck["layer1.0.conv2"].activation == "layer1.0.conv3"


def test_every_reader_of_a_twist_blocks_inner_map_is_tied() -> None:
    block = by_name(trained_looking(spec_of("twistnet18")))["layer4.1"]
    assert [tied.tensor for tied in block.slices if tied.dim == 1] == [
        "layer4.1.conv2.weight",
        *(f"layer4.1.interactions.heads.{head}.reduce.weight" for head in range(4)),
    ]


@pytest.mark.parametrize("name", NETWORKS)
def test_slices_partition_their_dimension_and_name_real_tensors(name: str) -> None:
    model = trained_looking(spec_of(name))
    state, parameters = model.state_dict(), dict(model.named_parameters())
    for group in describe(model):
        for tied in group.slices:
            assert tied.is_parameter == (tied.tensor in parameters)
            assert tied.index.dtype == torch.int64
            assert len(tied.index) == group.count
            assert sorted(tied.index.flatten().tolist()) == list(range(state[tied.tensor].shape[tied.dim]))


@pytest.mark.parametrize("name", NETWORKS)
def test_the_activation_module_takes_in_the_units_features(name: str) -> None:
    spec = spec_of(name)
    model = trained_looking(spec).eval()
    seen: dict[str, torch.Tensor] = {}
    for module_name, module in model.named_modules():
        module.register_forward_pre_hook(lambda _, args, key=module_name: seen.__setitem__(key, args[0]))
    model(images_for(spec, batch=2))
    for group in describe(model):
        carrier, taken = model.get_submodule(group.activation), seen[group.activation]
        size = taken.shape[1] if isinstance(carrier, nn.Conv2d) else taken.shape[-1]
        (reads,) = (tied for tied in group.slices if tied.tensor == f"{group.activation}.weight")
        assert size == reads.index.numel()
        assert reads.index.flatten().tolist() == list(range(size)), "each unit's features lie side by side"


def test_describing_changes_nothing_and_is_repeatable() -> None:
    model = trained_looking(spec_of("vit_micro"))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    first, second = describe(model), describe(model)
    assert [group.name for group in first] == [group.name for group in second]
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_dense_structure_has_everything() -> None:
    structure = dense_structure(describe(trained_looking(spec_of("vit_micro"))))
    assert structure.total_of_kind() == structure.kept_of_kind() == {"head": 16, "neuron": 1024}


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        (Attention(16, 2, scale_norm=True, norm_layer=nn.LayerNorm), "scale_norm"),
        (Mlp(16, 32, norm_layer=nn.LayerNorm), "norm over its hidden"),
        (BasicBlock(8, 8, norm_layer=lambda channels, **_: nn.GroupNorm(2, channels)), "not BatchNorm"),
        (BasicBlock(8, 8, drop_block=partial(nn.Dropout2d, 0.1)), "drop_block"),
    ],
)
def test_what_cannot_be_cut_exactly_is_left_whole_and_says_why(module: nn.Module, reason: str) -> None:
    network = nn.Sequential(module, Mlp(16, 32))
    assert [group.name for group in describe(network)] == ["1"]
    assert reason in left_whole(network)["0"]


@pytest.mark.parametrize("module", [GlobalResponseNormMlp(16, 32), nn.TransformerEncoderLayer(16, 2, batch_first=True)])
def test_what_only_resembles_a_known_block_is_not_taken_for_one(module: nn.Module) -> None:
    with pytest.raises(UserError, match="nothing in it can be pruned"):
        describe(nn.Sequential(module))


def test_anti_aliased_resnet_blocks_are_left_whole() -> None:
    with torch.device("meta"):
        anti_aliased = timm.create_model("resnetblur18", pretrained=False)
    assert "layer2.0" not in {group.name for group in describe(anti_aliased)}
    assert "layer2.1" in {group.name for group in describe(anti_aliased)}


def test_a_network_with_nothing_prunable_is_named_with_what_it_has_instead() -> None:
    with torch.device("meta"):
        model = timm.create_model("levit_128", pretrained=False)
    with pytest.raises(
        UserError,
        match=r"levit_128: nothing in it can be pruned \(found: Attention; AttentionDownsample; LevitMlp\)",
    ):
        describe(model)
