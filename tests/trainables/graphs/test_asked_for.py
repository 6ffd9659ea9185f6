"""What `train.graph` asks for: where it can be had, what is told, and the step that it records."""

from __future__ import annotations

import pytest
import torch

from models.errors import UserError
from tests.trainables.graphs.engines import (
    CPU,
    batches,
    engine,
    network,
)
from trainables.config.train import TrainConfig
from trainables.training.graphs import graph_warnings, graphs_for, reads_back
from trainables.training.optimizers import build_optimizer, set_learning_rate
from trainables.training.step import Alone, Sample, one_step


def test_the_learning_rate_lies_where_a_recorded_step_reads_it() -> None:
    model = network()
    optimizer = build_optimizer(model, TrainConfig(), CPU)
    rate = optimizer.param_groups[0]["lr"]
    set_learning_rate(optimizer, 0.25)
    assert all(group["lr"] is rate for group in optimizer.param_groups)
    assert rate.item() == 0.25


def test_on_a_cpu_steps_are_eager_and_always_is_an_error() -> None:
    assert graphs_for([TrainConfig()], CPU, "float32") is None
    assert graphs_for([TrainConfig(graph="never")], torch.device("cuda"), "bfloat16") is None
    with pytest.raises(UserError, match=r"^train\.graph: found always, but the trial trains on cpu, .*; use auto, or "):
        graphs_for([TrainConfig(graph="always")], CPU, "float32")


def test_sgd_under_a_loss_scaler_is_told_of() -> None:
    recipes = [TrainConfig(), TrainConfig(optimizer="sgd")]
    cuda = torch.device("cuda")
    graphs = graphs_for(recipes, cuda, "float16")
    assert graphs is not None
    assert [reads_back(train, "float16") for train in recipes] == [False, True]
    assert graphs.of_state(recipes[1]) is None
    assert graph_warnings(graphs, recipes)[0].startswith(
        "train.graph: without effect in states that train by sgd in float16"
    )
    assert graph_warnings(graphs_for(recipes, cuda, "bfloat16"), recipes) == ()
    with pytest.raises(UserError, match=r"sgd in float16, which asks the CPU .*; use auto, train"):
        graphs_for([one.model_copy(update={"graph": "always"}) for one in recipes], cuda, "float16")


def test_one_step_returns_what_it_saw_before_the_weights_moved() -> None:
    made = engine(None)
    [(images, labels)] = batches(1)
    sample = Sample(images, labels, labels)
    expected = (made.model(images).argmax(1) == labels).sum()
    assert torch.equal(one_step(made, sample, Alone(1)).correct, expected)
