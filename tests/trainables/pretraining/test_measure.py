"""`pretrain --measure`: speeds that fit together, and nothing is trained or written."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
import torch
from timm.utils.model_ema import ModelEmaV3
from torch import nn

from tests.trainables.pretraining.cases import small
from trainables.config.pretrain import PretrainConfig
from trainables.data import Data
from trainables.data.base import Batch
from trainables.data.in_memory import InMemoryData
from trainables.pretraining.loaded import loaded
from trainables.pretraining.measure import Speeds, _numbered, _Step, measure
from trainables.pretraining.processes import Processes

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


def test_the_moving_average_is_of_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = ModelEmaV3.update

    def slow(self: ModelEmaV3, model: nn.Module, step: int | None = None) -> None:
        time.sleep(PAUSE)
        given(self, model, step)  # type: ignore[no-untyped-call]  # timm's

    monkeypatch.setattr(ModelEmaV3, "update", slow)
    speeds = measure(small(tmp_path, ema_decay=0.9, train={"batch_size": 10}), 0.2)
    assert speeds is not None
    assert 0.3 * 10 / PAUSE < speeds.training <= 10 / PAUSE
    assert speeds.together <= 10 / PAUSE


def test_a_small_last_batch_counts_once_however_many_have_it(tmp_path: Path) -> None:
    """103 images in batches of 50: the last has three, which each of two processes has as a whole."""
    config = small(tmp_path, data={"name": "digits", "train_limit": 103}, train={"batch_size": 50})
    parts = loaded(config, Processes(), lambda: False)
    step = _Step(config, parts.trained, parts.data)
    assert [step.images(number) for number in range(3)] == [50, 50, 3]
    shares = [list(_first(config, parts.data, rank)) for rank in range(2)]
    assert shares == [[24, 24, 3], [26, 26, 3]]


def _first(config: PretrainConfig, data: Data, rank: int) -> Iterator[int]:
    """Of an epoch's batches, how many images a process of two has."""
    batches = _numbered(config, data, Processes(rank, 2))
    return (len(batch[1]) for batch, _ in islice(batches, 3))


def test_the_loader_holds_back_where_a_step_alone_is_faster() -> None:
    assert Speeds(100.0, 200.0, 95.0, 300.0, 1000, 1).loader_holds_back
    assert not Speeds(200.0, 100.0, 95.0, 300.0, 1000, 1).loader_holds_back
    assert Speeds(200.0, 100.0, 50.0, 300.0, 1000, 1).epoch_seconds() == 20
