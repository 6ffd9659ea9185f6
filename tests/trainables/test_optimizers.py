"""Optimisers step as torch's plain ones do; state by name is given back, and training goes on as if nothing had happened."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from trainables.config.train import TrainConfig
from trainables.training.optimizers import (
    StateByName,
    build_optimizer,
    load_state_by_name,
    set_learning_rate,
    state_by_name,
)
from trainables.training.precision import loss_scaler


def train(model: nn.Module, optimizer: torch.optim.Optimizer, steps: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        loss = model(torch.randn(8, 5, generator=generator)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 6), nn.LayerNorm(6), nn.Linear(6, 2))


def unfused(model: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """Torch's plain optimiser with the same settings, as versions up to 0.1.0 stepped."""
    matrices = [parameter for parameter in model.parameters() if parameter.ndim >= 2]
    others = [parameter for parameter in model.parameters() if parameter.ndim < 2]
    groups = [{"params": matrices, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
    if config.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=config.lr, betas=config.betas, foreach=False, fused=False)
    return torch.optim.SGD(groups, lr=config.lr, momentum=0.9, nesterov=True, foreach=False, fused=False)


def copied(states: StateByName) -> StateByName:
    return {name: {key: value.clone() for key, value in entry.items()} for name, entry in states.items()}


def assert_close(ours: nn.Module, theirs: nn.Module) -> None:
    for (name, expected), found in zip(theirs.named_parameters(), ours.parameters(), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6, msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_going_on_from_stored_state_is_bit_identical(name: str) -> None:
    config = TrainConfig(optimizer=name, lr=0.05)
    straight = network()
    optimizer = build_optimizer(straight, config)
    train(straight, optimizer, 3, 1)
    stored = copied(state_by_name(straight, optimizer))
    weights = {key: value.clone() for key, value in straight.state_dict().items()}
    train(straight, optimizer, 3, 2)

    resumed = network()
    resumed.load_state_dict(weights)
    fresh = build_optimizer(resumed, config)
    load_state_by_name(resumed, fresh, stored)
    train(resumed, fresh, 3, 2)
    assert all(torch.equal(a, b) for a, b in zip(straight.parameters(), resumed.parameters(), strict=True))


def test_norms_and_biases_are_not_decayed() -> None:
    model = network()
    decayed, free = build_optimizer(model, TrainConfig(weight_decay=0.3)).param_groups
    assert [parameter.ndim for parameter in decayed["params"]] == [2, 2]
    assert decayed["weight_decay"] == 0.3
    assert {parameter.ndim for parameter in free["params"]} == {1}
    assert free["weight_decay"] == 0.0


def test_the_learning_rate_reaches_every_group() -> None:
    optimizer = build_optimizer(network(), TrainConfig())
    set_learning_rate(optimizer, 0.123)
    assert [group["lr"] for group in optimizer.param_groups] == [0.123, 0.123]


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_steps_are_those_of_torchs_plain_optimisers(name: str) -> None:
    config = TrainConfig(optimizer=name, lr=0.05)
    ours, plain = network(), network()
    train(ours, build_optimizer(ours, config), 6, 1)
    train(plain, unfused(plain, config), 6, 1)
    assert_close(ours, plain)


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_the_state_of_a_plain_optimiser_is_gone_on_with(name: str) -> None:
    """Checkpoints of 0.1.0 hold such states."""
    config = TrainConfig(optimizer=name, lr=0.05)
    plain = network()
    before = unfused(plain, config)
    train(plain, before, 3, 1)
    ours = network()
    ours.load_state_dict({key: value.clone() for key, value in plain.state_dict().items()})
    optimizer = build_optimizer(ours, config)
    load_state_by_name(ours, optimizer, copied(state_by_name(plain, before)))
    train(plain, before, 3, 2)
    train(ours, optimizer, 3, 2)
    assert_close(ours, plain)


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_moments_are_laid_out_like_their_parameters(name: str) -> None:
    """A file holds them row by row; a fused kernel on a CPU would then pair them with the wrong weights, and say nothing."""

    def convolution() -> nn.Module:
        torch.manual_seed(0)
        return nn.Conv2d(4, 6, 3).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs

    def train_it(model: nn.Module, optimizer: torch.optim.Optimizer, seed: int) -> None:
        for step in range(3):
            optimizer.zero_grad()
            images = torch.randn(2, 4, 5, 5, generator=torch.Generator().manual_seed(seed + step))
            model(images.to(memory_format=torch.channels_last)).square().mean().backward()
            optimizer.step()

    config = TrainConfig(optimizer=name, lr=0.05)
    straight = convolution()
    optimizer = build_optimizer(straight, config)
    train_it(straight, optimizer, 10)
    weights = {key: value.clone() for key, value in straight.state_dict().items()}
    flat = {
        key: {k: v.clone(memory_format=torch.contiguous_format) for k, v in entry.items()}
        for key, entry in state_by_name(straight, optimizer).items()
    }
    train_it(straight, optimizer, 20)

    resumed = convolution()
    resumed.load_state_dict(weights)
    fresh = build_optimizer(resumed, config)
    load_state_by_name(resumed, fresh, flat)
    train_it(resumed, fresh, 20)
    assert all(torch.equal(a, b) for a, b in zip(straight.parameters(), resumed.parameters(), strict=True))


@pytest.mark.parametrize("name", ["adamw", "sgd"])
@pytest.mark.parametrize("overflow_at", [0, 1])
def test_a_step_whose_gradients_overflow_leaves_no_trace(name: str, overflow_at: int) -> None:
    """Under a loss scaler: the weights after it are those of training without that step."""
    config = TrainConfig(optimizer=name, lr=0.05)

    def trained(overflows: tuple[bool, ...]) -> nn.Module:
        model = network()
        optimizer = build_optimizer(model, config)
        scaler = loss_scaler("float16", torch.device("cpu"), {
            "scale": 4.0, "growth_factor": 2.0, "backoff_factor": 0.5, "growth_interval": 100, "_growth_tracker": 0,
        })  # fmt: skip
        finite = 0
        for overflow in overflows:
            images = torch.randn(8, 5, generator=torch.Generator().manual_seed(finite))
            finite += not overflow
            optimizer.zero_grad()
            loss = model(images * math.inf if overflow else images).square().mean()
            torch.autograd.backward(scaler.scale(loss))
            scaler.unscale_(optimizer)
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            scaler.step(optimizer)
            scaler.update()
        return model

    found = trained(tuple(step == overflow_at for step in range(5)))
    # The scale is a power of two, so halving it moves no bit.
    assert all(torch.equal(a, b) for a, b in zip(found.parameters(), trained((False,) * 4).parameters(), strict=True))
