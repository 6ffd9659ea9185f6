"""A target that a network lacks is refused; what is left whole is counted, each parameter once."""

from __future__ import annotations

import pytest
import timm
import torch
from torch import nn

from models.cost import count_parameters, prunable_parameters
from models.errors import UserError
from models.units.describe import describe
from models.units.reach import LeftWhole, Reach, reach_text, unreached_warning
from models.units.structure import Target
from models.units.targets import check_target, reach_of


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
