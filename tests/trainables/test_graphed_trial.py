"""Whole trials whose steps are recorded and replayed, by a stand-in on a CPU: records are those of eager steps, by any method.

Both have learning rate and penalty in tensors, as on a GPU; from those of a plain CPU trial they differ by rounding alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from torch import nn

from tests.trainables.recorded_capture import RecordedCapture
from tests.trainables.small_trials import merged, numbers, open_trial, run
from trainables.files.record import read_record
from trainables.training.graph_costs import GraphCosts
from trainables.training.graphs import Graphs
from trainables.trial import Trial

SHORT: dict[str, Any] = {"train": {"batch_size": 8}, "prune": {"schedule": {"states": 1}}}
"""24 steps a state, the last of each epoch on a smaller batch."""
SGD = {"optimizer": "sgd", "lr": 0.05}
CASES: dict[str, dict[str, Any]] = {
    "dense": {"prune": {"method": "dense"}},
    "refill": {"prune": {"method": "refill"}},
    "random, sgd": {"prune": {"method": "random"}, "train": SGD},
    "rsst": {"prune": {"method": "rsst", "rsst": {"ramp": 0.4, "hold": 0.1}}},
    "rsst by gradient": {
        "prune": {"method": "rsst", "rsst": {"coupling": "gradient", "lambda_max": 0.5, "ramp": 0.5, "hold": 0.0}},
        "train": SGD,
    },
    "imp": {"prune": {"method": "imp"}},
    "distilled": {"train": {"distill": {"weight": 0.5}}},
    "mixed": {"data": {"augment": {"mixup": 0.2, "cutmix": 0.3}}},
    "dropout": {"model": {"args": {"depth": 2, "drop_rate": 0.1}}},
}


def graphed(trial: Trial, captures: list[RecordedCapture], *, eager: bool = False) -> Trial:
    def new() -> RecordedCapture:
        captures.append(RecordedCapture())
        return captures[-1]

    costs = GraphCosts(capture=float("inf")) if eager else GraphCosts()
    trial.procedure.graphs = Graphs("float32", must=not eager, new_capture=new, costs=costs)
    return trial


def without_notes(folder: Path) -> list[dict[str, Any]]:
    return [{key: value for key, value in line.items() if key != "graph"} for line in numbers(folder)]


def told(folder: Path) -> list[dict[str, Any]]:
    record = read_record(folder)
    assert record is not None
    return [line["graph"] for line in record.epochs]


@pytest.mark.parametrize("case", CASES)
def test_records_are_those_of_eager_steps(case: str, tmp_path: Path) -> None:
    changes = merged(SHORT, CASES[case])
    captures: list[RecordedCapture] = []
    run(graphed(open_trial(tmp_path / "replayed", **changes), captures))
    run(graphed(open_trial(tmp_path / "eager", **changes), [], eager=True))
    assert without_notes(tmp_path / "replayed") == without_notes(tmp_path / "eager")
    recorded, replays = (sum(getattr(one, key) for one in captures) for key in ("recorded", "replays"))
    assert recorded == (3 if case.startswith("rsst") else 2), "once for each network"
    replayed = [line["replayed"] for line in told(tmp_path / "replayed")]
    assert min(replayed) > 0
    assert sum(replayed) == replays - recorded, "one of each was for its check"
    assert {line["replayed"] for line in told(tmp_path / "eager")} == {0}


def test_they_differ_from_a_plain_trial_by_rounding(tmp_path: Path) -> None:
    changes = merged(SHORT, CASES["rsst"])
    run(graphed(open_trial(tmp_path / "replayed", **changes), []))
    run(open_trial(tmp_path / "plain", **changes))
    ours, plain = without_notes(tmp_path / "replayed"), numbers(tmp_path / "plain")
    for key in ("train_loss", "val_loss"):
        found, expected = ([line[key] for line in lines if key in line] for lines in (ours, plain))
        assert found == pytest.approx(expected, rel=1e-3)
    assert all("graph" not in line for line in plain)


@pytest.mark.parametrize("first", ["replayed", "plain"])
def test_a_checkpoint_of_either_is_gone_on_with_by_the_other(first: str, tmp_path: Path) -> None:
    """In the middle of a state, while the drop set shrinks."""
    changes = merged(SHORT, {"prune": {"method": "rsst", "rsst": {"ramp": 0.7, "hold": 0.1}}})
    run(open_trial(tmp_path / "whole", **changes))

    def opened(replayed: bool) -> Trial:
        trial = open_trial(tmp_path / "parts", **changes)
        return graphed(trial, []) if replayed else trial

    trial = opened(first == "replayed")
    for _ in range(3):
        trial.step()
    trial.close()
    run(opened(first != "replayed"))
    ours, whole = without_notes(tmp_path / "parts"), numbers(tmp_path / "whole")
    assert len(ours) == len(whole)
    for found, expected in zip(ours, whole, strict=True):
        assert found["val_loss"] == pytest.approx(expected["val_loss"], rel=1e-3)
        assert found.get("structure") == expected.get("structure")


def test_what_went_wrong_is_a_warning_of_the_state(tmp_path: Path) -> None:
    trial = open_trial(tmp_path, **merged(SHORT, CASES["dense"]))
    head = trial.procedure.network.model.head
    assert isinstance(head, nn.Linear)
    captures = [RecordedCapture(), RecordedCapture(spoil=lambda: head.bias.data.add_(1.0))]
    trial.procedure.graphs = Graphs("float32", must=True, new_capture=captures.pop)
    run(trial)
    record = read_record(tmp_path)
    assert record is not None
    assert [len(end.warnings) for end in record.states] == [1, 0]
    assert record.states[0].warnings[0].startswith("train.graph: a replayed step ended ")
    assert record.epochs[0]["graph"]["replayed"] == 0
    assert record.epochs[-1]["graph"]["replayed"] > 0, "the next state's is recorded anew"
