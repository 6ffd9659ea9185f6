"""Recorded steps, by a stand-in on a CPU: what is replayed does what an eager step does."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.trainables.graphs.engines import (
    CPU,
    STEPS,
    assert_equal,
    batches,
    engine,
    graphed,
    network,
    tensors_of,
    trained,
)
from tests.trainables.recorded_capture import RecordedCapture
from trainables.training.optimizers import build_optimizer
from trainables.training.step import Alone, Engine
from trainables.training.step_graph import WARM_UP


@pytest.mark.parametrize(
    "train",
    [
        {},
        {"optimizer": "sgd"},
        {"optimizer": "sgd", "momentum": 0.0},
        {"clip_grad_norm": None, "label_smoothing": 0.1},
        {"precision": "bfloat16"},
        {"precision": "float16"},
    ],
    ids=str,
)
def test_replayed_steps_are_eager_ones_bit_for_bit(train: dict[str, Any]) -> None:
    """Batch, learning rate and moments are another one's at every step, and random numbers are drawn as ever."""
    capture = RecordedCapture()
    options = {"precision": train.pop("precision", "float32"), "dropout": 0.2}
    eager, ours = engine(None, **options, **train), engine(graphed(capture), **options, **train)
    expected, found = trained(eager, batches()), trained(ours, batches())
    assert capture.recorded == 1
    assert capture.replays == STEPS - WARM_UP, "one for the check, and one for each step after it"
    assert_equal(tensors_of(ours), tensors_of(eager))
    assert found == expected
    assert ours.scaler.state_dict() == eager.scaler.state_dict()


def test_a_teacher_and_soft_targets_are_read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    def mix(images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        even = len(images) - len(images) % 2
        soft = 0.7 * torch.eye(3)[labels[:even]] + 0.3 * torch.eye(3)[labels[:even].flip(0)]
        return images[:even] * 0.7 + images[:even].flip(0) * 0.3, soft

    capture = RecordedCapture()
    results = []
    for graph in (None, graphed(capture)):
        made = engine(graph, distill={"weight": 0.4, "temperature": 2.0})
        made.teacher, made.mix = network(7).eval(), mix
        results.append((trained(made, batches(size=9)), tensors_of(made)))
    assert capture.replays > 0
    assert results[0][0] == results[1][0]
    assert_equal(results[0][1], results[1][1])


def test_smaller_batches_are_trained_eagerly_between_replays() -> None:
    capture = RecordedCapture()
    data = batches()
    data[6], data[-1] = batches(1, size=5, seed=8)[0], batches(1, size=3, seed=9)[0]
    eager, ours = engine(None), engine(graphed(capture))
    assert trained(ours, data) == trained(eager, data)
    assert capture.replays == STEPS - WARM_UP - 2
    assert_equal(tensors_of(ours), tensors_of(eager))


def test_where_only_a_small_batch_was_seen_a_larger_one_begins_anew() -> None:
    capture = RecordedCapture()
    data = [*batches(1, size=3), *batches(STEPS - 1)]
    eager, ours = engine(None), engine(graphed(capture))
    assert trained(ours, data) == trained(eager, data)
    assert capture.recorded == 1
    assert capture.replays == STEPS - 1 - WARM_UP


class Cut(Alone):
    """A new optimiser after a step, as a removal makes one."""

    def __init__(self, made: Engine, at: int) -> None:
        super().__init__(STEPS)
        self.made, self.at = made, at

    def after_step(self, step: int) -> None:
        if step + 1 == self.at:
            last = self.made.model[-1]  # type: ignore[index]  # a Sequential
            last.weight, last.bias = nn.Parameter(last.weight.detach()[:3] * 0.5), nn.Parameter(last.bias.detach()[:3])
            self.made.optimizer = build_optimizer(self.made.model, self.made.config, CPU)


@pytest.mark.parametrize("at", [2, WARM_UP, WARM_UP + 1, WARM_UP + 3])
def test_a_cut_network_is_recorded_anew(at: int) -> None:
    """Whether it comes in the first steps, between recording and check, or among replays."""
    capture = RecordedCapture()
    eager, ours = engine(None), engine(graphed(capture))
    found, expected = trained(ours, batches(), Cut(ours, at)), trained(eager, batches(), Cut(eager, at))
    assert found == expected
    assert capture.recorded == 1 + (at >= WARM_UP)
    assert_equal(tensors_of(ours), tensors_of(eager))
