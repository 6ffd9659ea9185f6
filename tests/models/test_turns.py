"""Two networks run in turns: the order changes from round to round, and a difference is told only where there is one."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from models import turns
from models.export import write_onnx
from models.networks.registry import build, resolve_spec
from models.units.base import dense_structure
from models.units.compaction import remove
from models.units.describe import describe

Seconds = Callable[[], float]


def measured(monkeypatch: pytest.MonkeyPatch, small: Seconds, dense: Seconds) -> tuple[turns.Turns, list[str]]:
    order: list[str] = []
    takes = {"small": small, "dense": dense}
    runs = {name: (lambda images, name=name: name) for name in takes}

    def seconds(run: Callable[[torch.Tensor], str], images: torch.Tensor) -> float:
        order.append(run(images))
        return takes[order[-1]]()

    monkeypatch.setattr(turns, "_seconds", seconds)
    return turns.in_turns(runs["small"], runs["dense"], torch.zeros(1)), order


def test_who_is_first_changes_from_round_to_round(monkeypatch: pytest.MonkeyPatch) -> None:
    found, order = measured(monkeypatch, lambda: 0.001, lambda: 0.002)
    firsts = order[::2]
    assert firsts[:4] == ["small", "dense", "small", "dense"]
    assert (found.ms, found.dense_ms, found.ratio) == pytest.approx((1.0, 2.0, 0.5))
    assert found.text() == "1.000 ms (dense 2.000 ms): 0.50 times as long [0.50, 0.50]"
    assert len(order) == 2 * turns.ROUNDS


def test_where_the_machine_slows_both_the_ratio_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    load = itertools.chain.from_iterable([value] * 2 for value in itertools.count(1.0, 0.5))
    found, _ = measured(monkeypatch, lambda: next(load) * 0.5, lambda: next(load))
    assert found.ratio == pytest.approx(0.5)
    assert found.differs


def test_two_that_take_the_same_are_not_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    noise = random.Random(0)
    found, _ = measured(monkeypatch, lambda: noise.lognormvariate(0, 0.3), lambda: noise.lognormvariate(0, 0.3))
    assert not found.differs
    assert "no difference shown" in found.text()
    assert found.low < 1 < found.high


@pytest.mark.slow
def test_a_much_smaller_network_is_faster_in_torch_and_in_onnxruntime(tmp_path: Path) -> None:
    spec = resolve_spec("vit_small", 10, 32, 3, args={"depth": 2})
    dense = build(spec).eval()
    small = build(spec).eval()
    groups = describe(small)
    remove(small, dense_structure(groups), {one.name: range(1, one.count) for one in groups})
    write_onnx(small, spec.input_shape, tmp_path / "small.onnx", {})
    for found in (
        turns.turns_in_torch(small, dense, spec.input_shape),
        turns.turns_in_onnxruntime(tmp_path / "small.onnx", dense, spec.input_shape),
    ):
        assert found.differs
        assert found.high < 1
