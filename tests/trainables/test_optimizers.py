"""Optimiser state by name: stored and given back, training goes on as if nothing had happened."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from trainables.config.train import TrainConfig
from trainables.training.optimizers import build_optimizer, load_state_by_name, set_learning_rate, state_by_name


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


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_going_on_from_stored_state_is_bit_identical(name: str) -> None:
    config = TrainConfig(optimizer=name, lr=0.05)
    straight = network()
    optimizer = build_optimizer(straight, config)
    train(straight, optimizer, 3, 1)
    stored = {
        key: {k: v.clone() for k, v in entry.items()} for key, entry in state_by_name(straight, optimizer).items()
    }
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
