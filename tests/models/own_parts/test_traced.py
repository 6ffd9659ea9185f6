"""What is found in a network of a user's own, and that each unit of it goes without a trace."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import nn

from models.cost import count_macs, prunable_parameters
from models.errors import UserError
from models.networks.own import built_by
from models.networks.shapes_only import shapes_only
from models.spec import ModelSpec
from models.targets import reach_of
from models.units.base import dense_structure
from models.units.compaction import kept_positions, remove, slice_state
from models.units.describe import describe, own_plan
from models.units.reach import reach_text, unreached_warning
from models.units.structure import KINDS, Structure
from tests.models.own_parts import own_networks as nets

CLASSES = 5
ADDED, JOINED = "channels that are added to others or multiplied by them", "channels that are concatenated with others"
NEURONS_ADDED = "neurons that are added to others or multiplied by them"
BY_WIDTH = "attention with heads whose forward pass fails without some of them (RuntimeError: shape "
TORCHS = "torch's attention, which takes the width of all heads for that of the tokens"
FOUND: dict[Callable[..., nn.Module], dict[str, tuple[str, int]]] = {
    nets.Plain: {"0": ("channel", 6), "4": ("channel", 8)},
    nets.VggLike: {"features.0": ("channel", 6), "hidden": ("neuron", 10)},
    nets.Residual: {f"blocks.{place}.conv1": ("channel", 6) for place in range(3)},
    nets.Separable: {
        "expand": ("channel", 6), "squeeze.first": ("neuron", 4), "project": ("channel", 5), "point": ("channel", 6)
    },
    nets.Concatenated: {"narrow": ("channel", 6), "after": ("channel", 5)},
    nets.Normed: {"three": ("neuron", 8)},
    nets.OwnVit: {
        "attn": ("head", 4), "mlp.0": ("neuron", 16), "gated.gate": ("neuron", 12), "torchs.linear1": ("neuron", 12)
    },
    nets.OwnVitByWidth: {"mlp.0": ("neuron", 16), "gated.gate": ("neuron", 12), "torchs.linear1": ("neuron", 12)},
    nets.Shared: {"free": ("neuron", 6)},
    nets.OtherInTraining: {"two": ("neuron", 6)},
    nets.WithArguments: {"one": ("neuron", 8)},
}  # fmt: skip
WHOLE: dict[Callable[..., nn.Module], dict[str, str]] = {
    nets.Plain: {},
    nets.VggLike: {},
    nets.Residual: {
        **dict.fromkeys(("stem", "blocks.0.conv2", "blocks.1.conv2", "blocks.2.conv2"), ADDED),
        "blocks.1.shortcut": "Conv2d that is called more than once",
    },
    nets.Separable: {},
    nets.Concatenated: {"stem": JOINED, "wide": JOINED},
    nets.Normed: {"one": "channels that go through a GroupNorm", "two": "channels that go through a LayerNorm"},
    nets.OwnVit: {
        **dict.fromkeys(("attn.proj", "mlp.2", "gated.down"), NEURONS_ADDED), "patches": ADDED, "torchs.self_attn": TORCHS
    },
    nets.Shared: {
        **dict.fromkeys("ab", "Linear that shares its weights with another"),
        "twice": "Linear that is called more than once",
        "taken": "Linear that has weights that the forward pass takes itself",
    },
    nets.OtherInTraining: {"one": "neurons that go through a LayerNorm"},
    nets.WithArguments: {
        "own": "OwnLinear that has weights that the forward pass takes itself", "two": "neurons that go through linear"
    },
}  # fmt: skip


def built(network: Callable[..., nn.Module]) -> nn.Module:
    """At random weights, in double precision, in use."""
    spec = ModelSpec(f"tests:{network.__name__}", CLASSES, nets.SIDE, 1)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = built_by(network, spec).double().eval()
        for tensor in model.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(0.3 * torch.randn_like(tensor) if tensor.ndim > 1 else 0.5 + torch.rand_like(tensor))
    return model


def images() -> torch.Tensor:
    return torch.randn(4, 1, nets.SIDE, nets.SIDE, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("network", FOUND)
def test_groups_are_named_by_the_layer_that_makes_them(network: Callable[..., nn.Module]) -> None:
    assert {group.name: (group.kind, group.count) for group in describe(built(network))} == FOUND[network]


@pytest.mark.parametrize("network", WHOLE)
def test_what_stays_says_why(network: Callable[..., nn.Module]) -> None:
    plan = own_plan(built(network))
    assert plan is not None
    assert {name: one.reason for name, one in plan.whole.items()} == WHOLE[network]


@pytest.mark.parametrize("network", FOUND)
def test_a_unit_that_gives_zero_goes_without_a_trace(network: Callable[..., nn.Module]) -> None:
    """All that makes it is zero, its norm's too, and nothing that reads it."""
    model = built(network)
    groups = describe(model)
    dense = dense_structure(groups)
    drop = {group.name: tuple(range(group.count % 3, group.count, 2)) for group in groups}
    for group in groups:
        for tied in group.slices:
            if tied.dim == 0:
                model.state_dict()[tied.tensor][tied.of(drop[group.name])] = 0.0
    smaller = copy.deepcopy(model)
    after = remove(smaller, dense, drop)
    with torch.no_grad():
        torch.testing.assert_close(smaller(images()), model(images()), rtol=1e-9, atol=1e-9)
    assert {group.name: group.count for group in describe(smaller)} == after.counts()
    sliced = slice_state(model.state_dict(), groups, after)
    assert {name: tensor.shape for name, tensor in sliced.items()} == {
        name: tensor.shape for name, tensor in smaller.state_dict().items()
    }
    smaller.load_state_dict(sliced, strict=True)
    smaller.train()(images()).sum().backward()


@pytest.mark.parametrize("network", FOUND)
def test_a_cut_network_costs_less_by_what_its_units_hold(network: Callable[..., nn.Module]) -> None:
    model = built(network)
    shape, dense = (1, nets.SIDE, nets.SIDE), dense_structure(describe(model))
    before, macs = prunable_parameters(model), count_macs(model, shape)
    remove(model, dense, dict.fromkeys(dense.groups, (0,)))
    assert prunable_parameters(model) < before
    assert count_macs(model, shape) < macs


def test_another_description_would_be_seen_to_be_wrong() -> None:
    """The proof itself: channels that a division by their number ties together are found by the trace, and refuted."""
    plan = own_plan(built(nets.HardCodedWidth))
    assert plan is not None
    assert not plan.found
    assert {name: one.reason for name, one in plan.whole.items()} == {
        "one": "channels which act on others of them",
        "two": "channels that go through view",
    }
    with pytest.raises(
        UserError, match=r"nothing in it can be pruned .*go through view; .*act on others .*a method units\(\)"
    ):
        describe(built(nets.HardCodedWidth))


def test_heads_of_an_attention_that_cannot_do_with_fewer_say_so() -> None:
    model = built(nets.OwnVitByWidth)
    plan = own_plan(model)
    assert plan is not None
    assert plan.whole["attn"].reason.startswith(BY_WIDTH)
    reach = reach_of(model, describe(model))
    assert {one.block: one.kind for one in reach.left_whole} == {
        "ByWidth": "head", "MultiheadAttention": "head", "Conv2d": "channel"
    }  # fmt: skip


def test_a_forward_pass_that_depends_on_values_is_told_with_what_can_be_done() -> None:
    with pytest.raises(
        UserError, match=r"own_networks.py:\d+: TraceError: symbolically traced .*units\(\) can name them"
    ):
        describe(built(nets.DependsOnValues))


class HalfTraced(nets.OwnVit):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return super().forward(images if images.sum() > 0 else -images)


def test_what_is_known_by_name_is_found_without_a_trace() -> None:
    model = built(HalfTraced)
    groups = describe(model)
    assert [group.name for group in groups] == ["attn", "torchs.linear1"]
    reach = reach_of(model, groups, ("head", "neuron", "channel"))
    assert "1 HalfTraced (" in reach_text(("head", "channel"), reach, why=True)
    assert "torch.fx cannot follow its forward pass: " in unreached_warning(KINDS, reach)[0]


def test_ours_and_those_that_say_their_units_are_not_followed() -> None:
    class Says(nets.VggLike):
        def units(self) -> list[object]:
            return []

    assert own_plan(built(Says)) is None
    assert own_plan(nets.Plain(CLASSES)) is None


def test_networks_without_memory_have_the_same_units() -> None:
    """Found first where nothing is initialised."""

    def builder(num_classes: int) -> nn.Module:
        return nets.VggLike(num_classes)

    spec = ModelSpec("tests:builder", CLASSES, nets.SIDE, 1)
    with shapes_only():
        groups = describe(built_by(builder, spec))
    assert {group.name: (group.kind, group.count) for group in groups} == FOUND[nets.VggLike]


def test_a_compact_network_is_built_from_its_structure() -> None:
    model = built(nets.OwnVit)
    dense = dense_structure(describe(model))
    after = remove(copy.deepcopy(model), dense, {"attn": (1, 2), "mlp.0": (0,)})
    again = Structure.from_json(after.to_json())
    assert kept_positions(dense, again)["attn"] == (0, 3)
    assert again == after
