from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import nn

from models.units.base import UnitGroup
from pruning.penalty import add_gradient, apply_decoupled, penalised
from tests.pruning.nets import conv_net, token_net

Case = tuple[nn.Module, tuple[UnitGroup, ...], dict[str, tuple[int, ...]]]


def tokens() -> Case:
    return (*token_net(), {"attn.0": (1,), "mlp.1": (0, 3, 9)})


def convolutions() -> Case:
    return (*conv_net(), {"conv1": (0, 2), "conv2": (2, 5)})


CASES = pytest.mark.parametrize("case", [tokens, convolutions])


def in_drop_set(model: nn.Module, groups: tuple[UnitGroup, ...], positions: dict) -> dict[str, torch.Tensor]:
    """Parameter name → bool, by loops over units and indices."""
    marks = {name: torch.zeros_like(p, dtype=torch.bool) for name, p in model.named_parameters()}
    for group in groups:
        for tied in group.slices:
            for unit in positions.get(group.name, ()):
                for index in tied.index[unit].tolist():
                    if tied.is_parameter:
                        marks[tied.tensor].select(tied.dim, index).fill_(True)
    return marks


@CASES
def test_decoupled_shrinks_exactly_the_drop_set_each_element_once(case: Callable[[], Case]) -> None:
    model, groups, positions = case()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    buffers = {name: b.clone() for name, b in model.named_buffers()}
    marks = in_drop_set(model, groups, positions)
    apply_decoupled(penalised(model, groups, positions), 0.25)
    assert any(mark.any() for mark in marks.values())
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter[~marks[name]], before[name][~marks[name]])
        torch.testing.assert_close(parameter[marks[name]], 0.75 * before[name][marks[name]])
    for name, buffer in model.named_buffers():
        assert torch.equal(buffer, buffers[name])


@CASES
def test_the_gradient_form_is_the_gradient_of_half_lambda_w_squared(case: Callable[[], Case]) -> None:
    model, groups, positions = case()
    marks = in_drop_set(model, groups, positions)
    penalty = sum(0.5 * 0.3 * p[marks[name]].square().sum() for name, p in model.named_parameters())
    expected = torch.autograd.grad(penalty, list(model.parameters()), allow_unused=True)
    first = next(model.parameters())
    first.grad = torch.ones_like(first)
    add_gradient(penalised(model, groups, positions), 0.3)
    for (name, parameter), wanted in zip(model.named_parameters(), expected, strict=True):
        found = parameter.grad if parameter.grad is not None else torch.zeros_like(parameter)
        base = torch.ones_like(parameter) if parameter is first else torch.zeros_like(parameter)
        torch.testing.assert_close(found, base + wanted, msg=name)


def penalised_names(model: nn.Module, groups: tuple[UnitGroup, ...], positions: dict) -> set[str]:
    targets = {id(target.parameter) for target in penalised(model, groups, positions)}
    return {name for name, parameter in model.named_parameters() if id(parameter) in targets}


def test_biases_and_norms_of_the_drop_set_shrink_too() -> None:
    model, groups, positions = tokens()
    names = penalised_names(model, groups, positions)
    assert names >= {"attn.0.qkv.bias", "mlp.1.fc1.bias", "attn.0.proj.weight", "mlp.1.fc2.weight"}
    assert not names & {"attn.0.proj.bias", "mlp.1.fc2.bias", "attn.1.qkv.weight"}
    model, groups, positions = convolutions()
    names = penalised_names(model, groups, positions)
    assert names >= {"bn1.weight", "bn1.bias", "bn2.weight", "bn2.bias"}


def test_many_steps_leave_the_product_of_their_factors() -> None:
    model, groups, positions = tokens()
    targets = penalised(model, groups, positions)
    before = model.get_parameter("mlp.1.fc1.weight")[3].detach().clone()
    rates = [0.001 * step for step in range(200)]
    for rate in rates:
        apply_decoupled(targets, rate)
    left = math.prod(1 - rate for rate in rates)
    torch.testing.assert_close(model.get_parameter("mlp.1.fc1.weight")[3], before * left, rtol=1e-4, atol=0)


def test_no_drop_set_or_no_strength_changes_nothing() -> None:
    model, groups, positions = tokens()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    assert penalised(model, groups, {}) == ()
    apply_decoupled(penalised(model, groups, positions), 0.0)
    add_gradient(penalised(model, groups, positions), 0.0)
    assert all(torch.equal(p, before[name]) and p.grad is None for name, p in model.named_parameters())
