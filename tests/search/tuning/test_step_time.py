"""How long a step takes: large networks are timed on a part of a batch, and images that have to be decoded count."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from models.spec import ModelSpec
from search.tuning import step_time
from search.tuning.step_time import StepTimes, training_seconds

LABELS = torch.zeros(16, dtype=torch.long)


class Slow(nn.Linear):
    """Takes so many seconds for each image, and notes how many it was given."""

    def __init__(self, seconds: float) -> None:
        super().__init__(4, 2)
        self.seconds, self.given = seconds, list[int]()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.given.append(len(images))
        time.sleep(self.seconds * len(images))
        return super().forward(images)


def test_a_small_network_is_timed_on_whole_batches() -> None:
    model = Slow(0.0005)
    seconds = training_seconds(model, torch.zeros(16, 4), LABELS, None)
    assert model.given == [2, *[16] * 6]
    assert 0.008 <= seconds < 0.1


def test_what_slows_one_step_down_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    took = iter([0.1, 9.0, 0.4, 0.3, 0.2, 0.8, 0.7])
    monkeypatch.setattr(step_time, "LONG", 100.0)
    monkeypatch.setattr(step_time, "_step", lambda *_: next(took))
    assert training_seconds(nn.Linear(4, 2), torch.zeros(16, 4), LABELS, None) == 0.2


def test_a_large_one_on_a_part_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step_time, "LONG", 0.02)
    model = Slow(0.01)
    seconds = training_seconds(model, torch.zeros(16, 4), LABELS, None)
    assert model.given == [2]
    assert 0.16 <= seconds < 0.5


@pytest.mark.parametrize(("cpus", "workers", "expected"), [(1, 2, 2.0), (3, 2, 1.0), (2, 0, 2.0), (2, 4, 1.0)])
def test_decoding_goes_on_beside_training_where_there_are_processors_for_it(
    cpus: int, workers: int, expected: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step_time, "training_seconds", lambda *_: 1.0)
    asked: list[int] = []

    def loading_seconds(images: int) -> float:
        asked.append(images)
        return 0.5

    data = SimpleNamespace(
        digest="d", train_batches=lambda *_, **__: iter([(torch.zeros(32, 4), LABELS)]), loading_seconds=loading_seconds
    )
    network = SimpleNamespace(spec=ModelSpec("vit_micro", 2, 16, 3), model=nn.Linear(4, 2))
    config = SimpleNamespace(data=SimpleNamespace(workers=workers))
    procedure: Any = SimpleNamespace(data=data, network=network, config=config, device=torch.device("cpu"))
    steps = StepTimes(cpus)
    assert [steps.of(procedure, 32, None) for _ in range(2)] == [expected] * 2
    assert asked == [16], "once, and of some images alone"
