"""The step's benchmark: its loops take the same steps, so their times compare."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from benchmarks.step import Case, bare, config_of, floor_of, measure, ours
from benchmarks.support.layers_alone import layers_alone
from benchmarks.support.projection import Ceilings
from models.cost import count_macs
from trainables.files.record import Identity
from trainables.prepare import prepare

CASE = Case("vit_micro", 8, 32, "both")


def test_a_bare_loop_ends_where_a_trial_does() -> None:
    """On one batch, whose order plays no part."""
    running = prepare(Identity("step"), config_of(CASE, 1)).procedure.start_state()
    model = copy.deepcopy(running.engine.model)
    before = copy.deepcopy(model)
    ours(running)(0)
    bare(running, model, fused=True)(0)
    pairs = zip(before.parameters(), running.engine.model.parameters(), model.parameters(), strict=True)
    for start, trained, other in pairs:
        assert not torch.equal(start, trained)
        # Adam's first step is about the learning rate in each weight; where a gradient is next to nothing, its sign is chance.
        assert ((trained - other).abs() < 1e-5).double().mean() > 0.99


def test_it_tells_milliseconds_and_ratios() -> None:
    found = measure(CASE, rounds=1, steps=2, ceilings=Ceilings(rate=1e12, bandwidth=1e10))
    assert found["of_best"] > 0
    assert found["case"] == "vit_micro at 8 px, batches of 32"
    assert all(found[f"{name}_milliseconds"] > 0 for name in ("ours", "bare", "best", "layers"))


def test_the_floor_is_counted_arithmetic_and_the_optimisers_memory() -> None:
    running = prepare(Identity("step"), config_of(CASE, 1)).procedure.start_state()
    model = running.engine.model
    found = floor_of(running, model, Ceilings(rate=1e12, bandwidth=1e10), milliseconds=2.0)
    operations = 2 * 3 * 32 * count_macs(model, (1, 8, 8))
    bytes_moved = 4 * 7 * sum(parameter.numel() for parameter in model.parameters())
    arithmetic, memory = operations / 1e12, bytes_moved / 1e10
    assert found["floor_milliseconds"] == pytest.approx(1000 * (arithmetic + memory))
    assert found["optimiser_floor_milliseconds"] == pytest.approx(1000 * memory)
    assert found["of_rate"] == pytest.approx(arithmetic / 0.002)


def test_layers_alone_are_all_that_a_network_multiplies_by_its_weights() -> None:
    network = nn.Sequential(nn.Conv2d(1, 3, 3), nn.Flatten(), nn.ReLU(), nn.Linear(12, 5))
    convolution, linear = layers_alone(network, torch.randn(2, 1, 4, 4))
    assert (convolution.given.requires_grad, linear.given.requires_grad) == (False, True)
    assert (convolution.gradient.shape, linear.gradient.shape) == ((2, 3, 2, 2), (2, 5))
    convolution.step(), linear.step()
    assert all(parameter.grad is None for parameter in network.parameters())
    assert not network[0]._forward_hooks
