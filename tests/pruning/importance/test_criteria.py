"""What every criterion owes, and the first ones against formulas written out."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from models.errors import UserError
from models.units.base import UnitGroup
from pruning.imp_mask import global_masks, weight_totals
from pruning.importance import CRITERIA, score
from tests.pruning.importance.cases import CASES, Case, full_loss, scored, tokens

NAMES = pytest.mark.parametrize("name", CRITERIA)


def by_loops(model: nn.Module, groups: tuple[UnitGroup, ...], values: dict[str, Tensor]) -> dict[str, list[float]]:
    """Sums of `values` over each unit's tied parameters, index by index."""
    return {
        group.name: [
            sum(
                float(values[tied.tensor].select(tied.dim, index).double().sum())
                for tied in group.slices
                if tied.is_parameter
                for index in tied.index[unit].tolist()
            )
            for unit in range(group.count)
        ]
        for group in groups
    }


def layer_inputs(model: nn.Module, groups: tuple[UnitGroup, ...], images: Tensor) -> dict[str, Tensor]:
    """Group name → (samples, positions, units, features) of what the consuming layer takes in."""
    found: dict[str, Tensor] = {}
    handles = [
        model.get_submodule(g.activation).register_forward_hook(
            lambda module, args, output, name=g.name: found.__setitem__(name, args[0])
        )
        for g in groups
    ]
    model(images)
    for handle in handles:
        handle.remove()
    shaped = {}
    for g in groups:
        value = found[g.name]
        if value.dim() == 4:
            value = value.permute(0, 2, 3, 1).flatten(1, 2)
        shaped[g.name] = value.reshape(*value.shape[:2], g.count, -1)
    return shaped


@NAMES
@CASES
def test_shapes_types_and_signs(name: str, case: Callable[[], Case]) -> None:
    model, groups, data = case()
    found = scored(name, model, groups, data)
    assert list(found) == [group.name for group in groups]
    for group in groups:
        assert found[group.name].shape == (group.count,)
        assert found[group.name].dtype == torch.float64
        assert found[group.name].device.type == "cpu"
        assert bool((found[group.name] >= 0).all())
        assert float(found[group.name].max()) > 0


@NAMES
@CASES
def test_the_model_comes_back_as_it_was_and_scores_repeat(name: str, case: Callable[[], Case]) -> None:
    model, groups, data = case()
    model.train()
    model.head.eval()
    model.head.bias.requires_grad_(False)
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, 0.5)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    random_state = torch.get_rng_state()
    first = scored(name, model, groups, data)
    second = scored(name, model, groups, data)
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert all(torch.equal(tensor, before[key]) for key, tensor in model.state_dict().items())
    assert [module.training for module in model.modules()] == modes
    assert all(bool((parameter.grad == 0.5).all()) for parameter in model.parameters())
    assert [p.requires_grad for p in model.parameters()].count(False) == 1
    assert torch.equal(torch.get_rng_state(), random_state)
    assert not any(module._forward_pre_hooks for module in model.modules())


@CASES
def test_magnitude_and_l2_sum_over_all_tied_parameters(case: Callable[[], Case]) -> None:
    model, groups, data = case()
    parameters = dict(model.named_parameters())
    absolute = by_loops(model, groups, {name: p.detach().abs() for name, p in parameters.items()})
    squared = by_loops(model, groups, {name: p.detach().square() for name, p in parameters.items()})
    magnitude, norm = scored("magnitude", model, groups, data), scored("l2", model, groups, data)
    for name in absolute:
        assert magnitude[name].tolist() == pytest.approx(absolute[name], rel=1e-6)
        assert norm[name].square().tolist() == pytest.approx(squared[name], rel=1e-6)


@CASES
def test_taylor_uses_the_gradient_of_the_mean_loss_over_all_samples(case: Callable[[], Case]) -> None:
    model, groups, data = case()
    found = scored("taylor", model, groups, data)
    model.eval()
    full_loss(model, data).backward()
    products = {
        name: (p.detach() * (p.grad if p.grad is not None else torch.zeros_like(p))).abs()
        for name, p in model.named_parameters()
    }
    for name, expected in by_loops(model, groups, products).items():
        assert found[name].tolist() == pytest.approx(expected, rel=1e-3, abs=1e-7)


@CASES
def test_activations_are_averaged_over_samples_positions_and_features(case: Callable[[], Case]) -> None:
    model, groups, data = case()
    l1, l2 = scored("activation_l1", model, groups, data), scored("activation_l2", model, groups, data)
    with torch.no_grad():
        inputs = layer_inputs(model.eval(), groups, torch.cat([x for x, _ in data]))
    for name, value in inputs.items():
        torch.testing.assert_close(l1[name], value.abs().mean(dim=(0, 1, 3)).double(), rtol=1e-5, atol=1e-7)
        torch.testing.assert_close(l2[name], value.square().mean(dim=(0, 1, 3)).sqrt().double(), rtol=1e-5, atol=1e-7)


@CASES
def test_fisher_is_the_squared_gradient_of_an_explicit_gate_sample_by_sample(case: Callable[[], Case]) -> None:
    model, groups, data = case()
    found = scored("fisher", model, groups, data)
    model.eval()
    for group in groups:
        module = model.get_submodule(group.activation)
        expected = torch.zeros(group.count, dtype=torch.float64)
        for images, labels in data:
            for sample in range(len(images)):
                gate = torch.ones(group.count, requires_grad=True)
                handle = module.register_forward_pre_hook(lambda m, args, gate=gate: (gated(m, args[0], gate),))
                functional.cross_entropy(model(images[sample : sample + 1]), labels[sample : sample + 1]).backward()
                handle.remove()
                expected += gate.grad.double().square()
        torch.testing.assert_close(found[group.name], expected, rtol=1e-3, atol=1e-9)


def gated(module: nn.Module, value: Tensor, gate: Tensor) -> Tensor:
    if isinstance(module, nn.Conv2d):
        return value * gate[:, None, None]
    return value * gate.repeat_interleave(value.shape[-1] // len(gate))


@CASES
def test_remain_counts_surviving_weights_and_no_biases(case: Callable[[], Case]) -> None:
    model, groups, _ = case()
    totals = weight_totals(model, groups)
    masks = global_masks(model, groups, dict.fromkeys(totals, 0.4), totals)
    values = {name: masks.get(name, torch.zeros_like(p)).float() for name, p in model.named_parameters()}
    found = score("remain", model, groups, masks=masks)
    for name, expected in by_loops(model, groups, values).items():
        assert found[name].tolist() == expected


@pytest.mark.parametrize(
    "name", ["activation_l1", "activation_l2", "wanda", "fisher", "obs", "magnitude", "l2", "taylor_group"]
)
def test_a_head_or_neuron_without_weights_scores_nothing(name: str) -> None:
    model, groups, data = tokens()
    with torch.no_grad():
        for tied in groups[0].slices:
            model.get_parameter(tied.tensor).index_fill_(tied.dim, tied.index[1], 0.0)
        model.get_parameter("mlp.0.fc1.weight")[4] = 0.0
        model.get_parameter("mlp.0.fc1.bias")[4] = 0.0
        model.get_parameter("mlp.0.fc2.weight")[:, 4] = 0.0
    found = scored(name, model, groups, data)
    assert float(found["attn.0"][1]) == 0.0
    assert float(found["mlp.0"][4]) == 0.0


@pytest.mark.parametrize(
    "name", ["fisher", "taylor", "taylor_group", "activation_l1", "wanda", "obs", "reconstruction"]
)
def test_frozen_networks_are_scored_alike(name: str) -> None:
    model, groups, data = tokens()
    expected = scored(name, model, groups, data)
    model.requires_grad_(False)
    found = scored(name, model, groups, data)
    assert all(torch.equal(found[key], expected[key]) for key in expected)
    assert not any(parameter.requires_grad for parameter in model.parameters())


def test_random_follows_its_generator_and_nothing_else() -> None:
    model, groups, _ = tokens()
    first = score("random", model, groups, generator=torch.Generator().manual_seed(1))
    again = score("random", model, groups, generator=torch.Generator().manual_seed(1))
    other = score("random", model, groups, generator=torch.Generator().manual_seed(2))
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not torch.equal(first["mlp.0"], other["mlp.0"])


@NAMES
def test_what_a_criterion_needs_is_asked_for_by_name(name: str) -> None:
    model, groups, _ = tokens()
    chosen = CRITERIA[name]
    needs = [what for what in ("batches", "loss", "generator", "masks") if getattr(chosen, f"needs_{what}")]
    if not needs:
        assert score(name, model, groups)
        return
    with pytest.raises(UserError, match=f"{name}.*needs {needs[0]}"):
        score(name, model, groups)


def test_an_empty_list_of_batches_and_an_unknown_name_are_mistakes() -> None:
    model, groups, _ = tokens()
    with pytest.raises(UserError, match="found none"):
        score("activation_l1", model, groups, batches=[])
    with pytest.raises(UserError, match="the nearest is magnitude"):
        score("magnitud", model, groups)
