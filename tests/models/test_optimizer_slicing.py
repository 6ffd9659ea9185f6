"""An optimiser's moments follow the weights through a removal."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from models.units.base import dense_structure
from models.units.compaction import compact, kept_positions, slice_optimizer_state
from models.units.describe import describe
from tests.models.networks import NETWORKS, dropped, images_for, random_structure, spec_of, trained_looking, zero_units

pytestmark = pytest.mark.usefixtures("narrow_twistnet")

OPTIMIZERS = {
    "adamw": lambda model: torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.1),
    "sgd": lambda model: torch.optim.SGD(model.parameters(), lr=1e-2, momentum=0.9, weight_decay=0.1),
}


def states_by_name(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, dict[str, Tensor]]:
    return {name: dict(optimizer.state[parameter]) for name, parameter in model.named_parameters()}


def step(model: nn.Module, optimizer: torch.optim.Optimizer, images: Tensor) -> None:
    optimizer.zero_grad()
    model(images).square().mean().backward()
    optimizer.step()


@pytest.mark.parametrize("optimizer_name", OPTIMIZERS)
@pytest.mark.parametrize("name", ["vit_micro", "qk_norm", "resnet50", "twistnet18"])
def test_training_goes_on_as_if_the_units_had_only_been_zeroed(name: str, optimizer_name: str) -> None:
    """Dense with zeroed units and compact with sliced moments take the same next step on everything that survives.

    Zeroed units get a gradient of zero only while all their tied tensors are zero, which holds for the first step.
    """
    spec = spec_of(name)
    dense = trained_looking(spec).train()
    make = OPTIMIZERS[optimizer_name]
    optimizer = make(dense)
    step(dense, optimizer, images_for(spec, seed=1))
    groups = describe(dense)
    structure = random_structure(groups, seed=11)
    before = dense_structure(groups)
    small = copy.deepcopy(dense)
    compact(small, structure)
    moments = slice_optimizer_state(states_by_name(dense, optimizer), groups, kept_positions(before, structure))
    small_optimizer = make(small)
    for key, parameter in small.named_parameters():
        small_optimizer.state[parameter] = moments[key]

    zero_units(dense, groups, dropped(structure))
    step(dense, optimizer, images_for(spec, seed=2))
    step(small, small_optimizer, images_for(spec, seed=2))
    compact(dense, structure)
    for (key, expected), found in zip(dense.named_parameters(), small.parameters(), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-7, atol=1e-8, msg=lambda text, key=key: f"{key}: {text}")


@pytest.mark.parametrize("name", NETWORKS)
def test_every_moment_has_the_shape_of_its_parameter_and_scalars_pass(name: str) -> None:
    spec = spec_of(name)
    model = trained_looking(spec)
    groups = describe(model)
    structure = random_structure(groups, seed=13, empty=True)
    states = {
        key: {"exp_avg": torch.randn_like(value), "step": torch.tensor(7.0)} for key, value in model.named_parameters()
    }
    sliced = slice_optimizer_state(states, groups, kept_positions(dense_structure(groups), structure))
    compact(model, structure)
    for key, parameter in model.named_parameters():
        assert sliced[key]["exp_avg"].shape == parameter.shape, key
        assert sliced[key]["step"] == 7.0


def test_moments_are_sliced_as_by_hand() -> None:
    model = trained_looking(spec_of("vit_micro"))
    groups = describe(model)
    average = torch.randn(192, 64)
    column = torch.randn(64, 256)
    states = {"blocks.1.attn.qkv.weight": {"exp_avg": average}, "blocks.1.mlp.fc2.weight": {"momentum_buffer": column}}
    sliced = slice_optimizer_state(states, groups, {"blocks.1.attn": (0, 3), "blocks.1.mlp": (5, 17)})
    by_hand = average.view(3, 4, 16, 64)[:, [0, 3]].reshape(96, 64)
    assert torch.equal(sliced["blocks.1.attn.qkv.weight"]["exp_avg"], by_hand)
    assert torch.equal(sliced["blocks.1.mlp.fc2.weight"]["momentum_buffer"], column[:, [5, 17]])
    assert average.shape == (192, 64), "the given tensors stay whole"
