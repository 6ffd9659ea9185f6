"""A small network and its steps, eager or recorded by a stand-in on a CPU."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tests.trainables.recorded_capture import RecordedCapture
from trainables.config.train import TrainConfig
from trainables.training.epoch import EpochResult, train_epoch
from trainables.training.graph_costs import GraphCosts
from trainables.training.optimizers import build_optimizer, state_by_name
from trainables.training.precision import loss_scaler
from trainables.training.step import Engine
from trainables.training.step_graph import StepGraph

CPU = torch.device("cpu")
STEPS = 14


def network(seed: int = 0, dropout: float = 0.0) -> nn.Module:
    torch.manual_seed(seed)
    layers = [nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 16), nn.Dropout(dropout)]
    return nn.Sequential(*layers, nn.LayerNorm(16), nn.ReLU(), nn.Linear(16, 3))


def batches(count: int = STEPS, size: int = 8, seed: int = 1) -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    return [
        (torch.randn(size, 3, 2, 2, generator=generator), torch.randint(0, 3, (size,), generator=generator))
        for _ in range(count)
    ]


RATES = tuple(0.002 * (1 + step % 5) for step in range(STEPS))


def engine(graph: StepGraph | None, precision: str = "float32", dropout: float = 0.0, **train: Any) -> Engine:
    """Eager ones have the learning rate in a tensor too, so that both read the same float32."""
    config = TrainConfig.model_validate({"lr": 0.01, "clip_grad_norm": 0.5, **train})
    model = network(dropout=dropout)
    made = Engine(model, build_optimizer(model, config, CPU), loss_scaler(precision, CPU), config, precision, CPU)
    if graph is not None:
        made.stepper = graph
    return made


def graphed(capture: RecordedCapture, must: bool = True, costs: GraphCosts | None = None) -> StepGraph:
    return StepGraph(lambda: capture, costs or GraphCosts(), must=must)


def trained(made: Engine, data: list[tuple[Tensor, Tensor]], acting: Any = None) -> EpochResult:
    torch.manual_seed(3)
    return train_epoch(made, data, RATES[: len(data)], 0, acting)


def tensors_of(made: Engine) -> dict[str, Tensor]:
    moments = state_by_name(made.model, made.optimizer)
    flat = {f"{name}/{key}": value for name, entry in moments.items() for key, value in entry.items()}
    return {name: tensor.clone() for name, tensor in {**made.model.state_dict(), **flat}.items()}


def assert_equal(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> None:
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if not torch.equal(ours[name], theirs[name])] == []
