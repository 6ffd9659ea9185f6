"""Recorded steps on a real GPU, against eager ones: for every method and number format. Skipped where there is none.

All of it passed on an H200 with torch 2.11 on 2026-11-28, both ends equal bit for bit.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.trainables.small_trials import merged, open_trial, run
from tests.trainables.test_graphed_trial import CASES, SHORT, told, without_notes
from trainables.files.record import read_record
from trainables.training.capture import CudaCapture
from trainables.training.graph_costs import GraphCosts
from trainables.training.graphs import Graphs
from trainables.training.held import Held
from trainables.training.step_graph import TOLERANCE

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")

PRECISIONS = ("float32", "bfloat16", "float16")


def on_gpu(precision: str, changes: dict[str, Any]) -> dict[str, Any]:
    return merged(merged(SHORT, changes), {"train": {"device": "cuda", "precision": precision}})


def recorded_and_eager(folder: Path, changes: dict[str, Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Records of both, the learning rate lying on the GPU in both."""
    run(open_trial(folder / "recorded", **merged(changes, {"train": {"graph": "always"}})))
    eager = open_trial(folder / "eager", **changes)
    device = torch.device("cuda")
    costs = GraphCosts(capture=float("inf"))
    eager.procedure.graphs = Graphs(
        eager.procedure.precision, must=False, new_capture=lambda: CudaCapture(device), costs=costs
    )
    run(eager)
    return without_notes(folder / "recorded"), without_notes(folder / "eager")


@pytest.mark.slow
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("case", CASES)
def test_recorded_trials_end_where_eager_ones_do(case: str, precision: str, tmp_path: Path) -> None:
    changes = on_gpu(precision, CASES[case])
    if precision == "float16" and changes["train"].get("optimizer") == "sgd":
        pytest.skip("an error, tested on the CPU")
    recorded, eager = recorded_and_eager(tmp_path, changes)
    record = read_record(tmp_path / "recorded")
    assert record is not None
    assert [end.warnings for end in record.states if any("train.graph" in text for text in end.warnings)] == []
    assert all(line["replayed"] > 0 for line in told(tmp_path / "recorded"))
    for found, expected in zip(recorded, eager, strict=True):
        assert found.get("structure") == expected.get("structure")
        for key in ("train_loss", "val_loss"):
            assert found.get(key) == pytest.approx(expected.get(key), rel=TOLERANCE), (found["state"], key)


@pytest.mark.slow
def test_a_convolutional_network_too(tmp_path: Path) -> None:
    changes = on_gpu("bfloat16", {
        "model": {"arch": "timm:resnet18"}, "data": {"image_size": 32},
        "prune": {"method": "rsst", "target": "channel", "schedule": {"states": 1, "channel_ratio": 0.5}},
    })  # fmt: skip
    recorded, eager = recorded_and_eager(tmp_path, changes)
    assert all(line["replayed"] > 0 for line in told(tmp_path / "recorded"))
    for found, expected in zip(recorded, eager, strict=True):
        assert found["val_loss"] == pytest.approx(expected["val_loss"], rel=TOLERANCE)


def test_recording_moves_nothing_and_a_replay_draws_the_same_random_numbers(tmp_path: Path) -> None:
    procedure = open_trial(tmp_path, **on_gpu("float32", CASES["dropout"])).procedure
    running = procedure.start_state()
    engine, capture = running.engine, CudaCapture(torch.device("cuda"))
    weight = torch.ones(1000, device="cuda")
    total = torch.zeros(1000, device="cuda")

    def work() -> None:
        total.add_(torch.nn.functional.dropout(weight, 0.5))

    capture.run(work)
    before = Held.of(engine)
    capture.record(work)
    assert all(torch.equal(one, other) for one, other in zip(before.random, Held.of(engine).random, strict=True))
    start = total.clone()
    capture.run(work)
    eager = total.clone()
    total.copy_(start)
    before.give_back(engine)
    capture.replay()
    assert torch.equal(total, eager)
    capture.forget()
    with pytest.raises(RuntimeError, match="nothing was recorded"):
        capture.replay()


def test_what_reads_a_number_back_cannot_be_recorded_and_eager_work_goes_on() -> None:
    capture = CudaCapture(torch.device("cuda"))
    weight, stream = torch.ones(10, device="cuda"), torch.cuda.current_stream()
    with pytest.raises(RuntimeError):
        capture.record(lambda: float(weight.sum()))
    assert capture.run(lambda: float(weight.sum())) == 10.0
    assert torch.cuda.current_stream() == stream
    # Earlier versions of torch left the generator as if a recording still went on, and drawing raised.
    assert capture.run(lambda: torch.nn.functional.dropout(weight, 0.5)).shape == (10,)
