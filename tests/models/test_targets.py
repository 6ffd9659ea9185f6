"""A target that a network lacks is refused; what is left whole is counted, each parameter once."""

from __future__ import annotations

import pytest
import timm
import torch
from torch import nn

from models.cost import count_parameters, prunable_parameters
from models.errors import UserError
from models.targets import check_target, fitting_target, reach_of
from models.units.base import TiedSlice, UnitGroup
from models.units.describe import describe
from models.units.reach import LeftWhole, Reach, reach_text, unreached_warning
from models.units.structure import (
    ACROSS,
    BASIC,
    KINDS,
    SHORT_FORMS,
    UNREAD,
    WORDS,
    Kind,
    Target,
    kinds_of,
    short_form,
    target_text,
)


def network(name: str) -> nn.Module:
    with torch.device("meta"):
        model: nn.Module = timm.create_model(name, pretrained=False)
    return model


def reach(name: str, target: Target) -> Reach:
    model = network(name)
    return check_target(target, f"timm:{name}", model, describe(model))


@pytest.mark.parametrize(
    ("name", "target", "told"),
    [
        (
            "xcit_nano_12_p8_224",
            "both",
            "prune.target: both needs heads, but timm:xcit_nano_12_p8_224 has none that can be cut "
            "(left whole, of all parameters: 12 XCA (26.0 %), 2 ClassAttn (4.3 %)); say target: mlp",
        ),
        ("convnext_atto", "both", "both needs heads, but timm:convnext_atto has none that can be cut; say target: mlp"),
        ("resnet18", "both", "needs heads and neurons, but timm:resnet18 has none that can be cut; say target: channel"),
        ("vit_tiny_patch16_224", "mixer", "mixer needs token-mixing neurons, but timm:vit_tiny_patch16_224 has none"),
        ("mixer_s32_224", "both", "both needs heads, but timm:mixer_s32_224 has none that can be cut; say target: mixer"),
    ],
)  # fmt: skip
def test_a_missing_kind_is_named_with_the_target_that_fits(name: str, target: Target, told: str) -> None:
    with pytest.raises(UserError) as caught:
        reach(name, target)
    assert told in str(caught.value)
    assert caught.value.key == "prune.target"


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "crossvit_9_240", "maxvit_rmlp_pico_rw_256", "resnetblur50"])
def test_each_parameter_counts_once(name: str) -> None:
    model = network(name)
    found = reach_of(model, describe(model))
    assert found.parameters == count_parameters(model)
    assert sum(found.prunable.values()) == prunable_parameters(model)
    assert found.rest > 0
    assert sum(one.parameters for one in found.left_whole) < found.parameters - sum(found.prunable.values())


def test_what_of_the_targets_own_kind_is_left_whole_is_warned_of() -> None:
    blurred = reach("resnetblur18", "channel")
    assert blurred.left_whole == (
        LeftWhole("channel", "BasicBlock", "block with anti-aliasing", 3, blurred.left_whole[0].parameters),
    )
    (warning,) = unreached_warning("channel", blurred)
    assert warning.startswith(
        "prune.target channel leaves blocks whole: 3 BasicBlock (41.3 %) of all parameters (block with anti-aliasing)"
    )
    assert unreached_warning("mlp", reach("xcit_nano_12_p8_224", "mlp")) == ()


def test_what_a_target_reaches_is_told_with_all_the_rest() -> None:
    assert reach_text("mlp", reach("xcit_nano_12_p8_224", "mlp")) == (
        "target mlp: neurons, 60.4 % of all parameters; left whole: 12 XCA (26.0 %), 2 ClassAttn (4.3 %); "
        "all else (stem, norms, other convolutions, classifier): 9.3 %"
    )
    assert "; not of the target: neurons, 62.1 %;" in reach_text("head", reach("vit_tiny_patch16_224", "head"))


def test_a_record_keeps_it_all() -> None:
    found = reach("resnetblur18", "channel")
    assert Reach.from_json({"macs": 1, **found.to_json()}) == found
    assert Reach.from_json({"macs": 1, "prunable_parameters": 2}) is None


@pytest.mark.parametrize("name", ["vit_relpos_small_patch16_224", "swinv2_cr_tiny_224", "maxvit_rmlp_pico_rw_256"])
def test_an_mlp_that_makes_a_position_bias_is_no_mlp_of_a_block(name: str) -> None:
    model = network(name)
    neurons = [group for group in describe(model) if group.kind == "neuron"]
    inputs = {model.get_submodule(f"{group.name}.fc1").in_features for group in neurons}
    assert min(inputs) > 3
    assert not any("MLP" in one.reason for one in reach_of(model, describe(model)).left_whole)


def test_token_mixing_neurons_are_a_kind_of_their_own() -> None:
    kinds = {group.name: group.kind for group in describe(network("mixer_s32_224"))}
    assert kinds["blocks.0.mlp_tokens"] == "token_neuron"
    assert kinds["blocks.0.mlp_channels"] == "neuron"


@pytest.mark.parametrize(
    ("written", "kinds", "text"),
    [
        ("both", ("head", "neuron"), "both"),
        (("neuron", "head"), ("head", "neuron"), "both"),
        (("neuron", "token_neuron"), ("token_neuron", "neuron"), "mixer"),
        (("neuron",), ("neuron",), "mlp"),
        ("embed", ("embed",), "embed"),
        (("embed", "neuron", "head"), ("head", "neuron", "embed"), "head + neuron + embed"),
    ],
)
def test_a_target_means_the_same_however_it_is_written(written: Target, kinds: tuple[Kind, ...], text: str) -> None:
    assert kinds_of(written) == kinds == kinds_of(short_form(written))
    assert target_text(written) == text


def test_every_kind_is_basic_or_across_and_has_its_words() -> None:
    assert (*BASIC, *ACROSS) == KINDS == tuple(WORDS)
    assert set(UNREAD) < set(ACROSS)
    assert {kind for kinds in SHORT_FORMS.values() for kind in kinds} == set(KINDS)


def test_of_a_list_what_is_there_fits() -> None:
    with pytest.raises(UserError, match=r"head \+ channel needs channels, .* say target: \[head\]$"):
        reach("vit_tiny_patch16_224", ("channel", "head"))
    assert fitting_target(["head", "neuron", "channel"], ("embed", "neuron", "channel")) == ("neuron", "channel")
    assert fitting_target(["head", "neuron"], ("channel",)) == "both"
    assert reach("vit_tiny_patch16_224", ("neuron", "head")) == reach("vit_tiny_patch16_224", "both")


def stream(model: nn.Module) -> UnitGroup:
    """All that reads or writes the residual stream of a vision transformer's MLPs, as units of the stream."""
    slices = []
    for name, parameter in model.named_parameters():
        for layer, dim in (("fc1.weight", 1), ("fc2.weight", 0), ("fc2.bias", 0)):
            if name.endswith(layer):
                slices.append(TiedSlice(name, dim, torch.arange(parameter.shape[dim])[:, None]))
    return UnitGroup("embed", "embed", slices[0].index.shape[0], tuple(slices), "head")


@pytest.mark.parametrize(("target", "beyond"), [(("embed", "neuron"), False), ("embed", True)])
def test_parameters_of_two_kinds_count_for_both_and_once_in_all(target: Target, beyond: bool) -> None:
    model = network("vit_tiny_patch16_224")
    groups = [group for group in describe(model) if group.kind == "neuron"] + [stream(model)]
    found = reach_of(model, groups, target)
    width, hidden, blocks = 192, 768, 12
    weights, ins, outs = 2 * width * hidden * blocks, hidden * blocks, width * blocks
    assert found.prunable == {"neuron": weights + ins, "embed": weights + outs}
    assert found.tied_parameters == weights + ins + outs
    assert found.prunable_parameters == (weights + outs if beyond else weights + ins + outs)
    assert found.rest == found.parameters - found.tied_parameters - sum(one.parameters for one in found.left_whole)
    told = reach_text(target, found)
    if beyond:
        assert told.startswith(
            "target embed: embedding channels, 61.9 % of all parameters; not of the target: neurons, 0.2 % "
        )
        assert "neurons, 0.2 % that the target's units do not hold too; all else" in told
    else:
        assert told.startswith(
            "target neuron + embed: neurons and embedding channels, 62.1 % of all parameters (each by itself: 62.1 %, 61.9 %; "
            "some parameters are of several kinds)"
        )


def test_a_record_of_before_kinds_shared_parameters_is_read() -> None:
    found = reach("vit_tiny_patch16_224", "mlp")
    older = {key: value for key, value in found.to_json().items() if key != "tied_parameters"}
    assert Reach.from_json(older) == found
