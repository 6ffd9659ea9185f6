"""`pretrain --measure`: speeds that fit together, and nothing is trained or written."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.trainables.pretraining.cases import small
from trainables.data.base import Batch
from trainables.data.in_memory import InMemoryData
from trainables.pretraining.measure import Speeds, measure

PAUSE = 0.05


def test_what_waits_for_the_loader_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = InMemoryData.train_batches

    def slow(self: InMemoryData, batch_size: int, seed: int, **more: object) -> Iterator[Batch]:
        for batch in given(self, batch_size, seed, **more):  # type: ignore[arg-type]  # handed on as it came
            time.sleep(PAUSE)
            yield batch

    monkeypatch.setattr(InMemoryData, "train_batches", slow)
    config = small(tmp_path, train={"batch_size": 10})
    speeds = measure(config, 0.4)
    assert speeds is not None
    assert 0.3 * 10 / PAUSE < speeds.loader <= 10 / PAUSE, "at most a batch in each pause"
    assert speeds.loader_holds_back
    assert speeds.together < speeds.training
    assert speeds.images == 100
    assert list(tmp_path.iterdir()) == []


def test_the_weights_stay_where_repeating_a_batch_would_move_them(tmp_path: Path) -> None:
    speeds = measure(small(tmp_path, train={"batch_size": 50, "lr": 1e6, "optimizer": "sgd"}), 0.1)
    assert speeds is not None
    assert speeds.training > 0
    assert torch.get_num_threads() == 1


def test_the_loader_holds_back_where_a_step_alone_is_faster() -> None:
    assert Speeds(100.0, 200.0, 95.0, 300.0, 1000, 1).loader_holds_back
    assert not Speeds(200.0, 100.0, 95.0, 300.0, 1000, 1).loader_holds_back
    assert Speeds(200.0, 100.0, 50.0, 300.0, 1000, 1).epoch_seconds() == 20
