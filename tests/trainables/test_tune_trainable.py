"""The Ray adapter, without a Ray cluster: one epoch a step, crashes recorded, fenced launches silent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from models import atomic
from models.errors import UserError
from tests.trainables.small_trials import numbers, small_config
from trainables.files.generation import Fenced, next_generation
from trainables.files.record import Identity, read_record
from trainables.files.request import TrialRequest, read_request, write_request
from trainables.tune_trainable import TuneTrainable


class Broken:
    """A trial whose step raises what it was given."""

    done, status, warnings = False, "running", ("take care",)

    def __init__(self, error: Exception) -> None:
        self.error = error

    def step(self) -> dict[str, Any]:
        raise self.error

    def close(self) -> None:
        """Nothing is open."""


def asked(run: Path, name: str = "t-000", **changes: Any) -> dict[str, Any]:
    """Ray's configuration of a trial newly asked for in a run."""
    config = small_config(**changes).model_dump(mode="json")
    write_request(run / name, TrialRequest(Identity(name, "t", "search", 0, 5), config, {"train.lr": 2e-3}))
    return {
        "run": str(run),
        "folder": str(run / name),
        "generation": 1,
        "retry_failed": False,
        "stages": None,
        "checkpoint_seconds": 0,
        "checkpoint_steps": None,
    }


@pytest.fixture
def run(tmp_path: Path) -> Path:
    next_generation(tmp_path)
    return tmp_path


def test_a_request_is_read_back_as_it_was_written(run: Path) -> None:
    asked(run)
    request = read_request(run / "t-000")
    assert request is not None
    assert request.identity == Identity("t-000", "t", "search", 0, 5)
    assert request.values == {"train.lr": 2e-3}
    assert read_request(run / "nobody") is None


def test_a_trial_runs_to_its_end_one_epoch_a_step_and_an_actor_takes_another(run: Path) -> None:
    trainable = TuneTrainable(asked(run))
    results = [trainable.step() for _ in range(6)]
    assert [result["epochs_total"] for result in results] == list(range(1, 7))
    assert [result["state_ended"] for result in results] == [False, True] * 3
    assert [result["done"] for result in results] == [False] * 5 + [True]
    assert results[-1]["status"] == "finished"
    assert not [key for result in results for key in result if "test" in key]
    assert trainable.reset_config(asked(run, "t-001", seed=6))
    assert trainable.step()["id"] == "t-001"
    trainable.cleanup()
    record = read_record(run / "t-001")
    assert record is not None
    assert len(record.epochs) == 1


def test_a_trial_that_is_let_go_within_an_epoch_goes_on_there(run: Path) -> None:
    """As a study that is asked to leave does: after whatever its trials report next."""
    whole, parts = asked(run), {**asked(run, "t-001"), "checkpoint_steps": 2}
    trainable = TuneTrainable(whole)
    while not trainable.step()["done"]:
        pass
    result: dict[str, Any] = {"done": False}
    places = []
    while not result["done"]:
        trainable = TuneTrainable(parts)
        result = trainable.step()
        trainable.cleanup()
        if "steps" in result:
            assert not {"epochs_total", "val_accuracy"} & result.keys()
            assert (result["state_ended"], result["status"]) == (False, "running")
            places.append((result["state"], result["epoch"], result["steps_done"], result["steps"]))
    assert places == [(state, epoch, 2, 3) for state in range(3) for epoch in (1, 2)]
    assert numbers(run / "t-001") == numbers(run / "t-000")


def test_a_states_warning_is_passed_on_at_its_end(run: Path) -> None:
    prune = {"method": "rsst", "rsst": {"lambda_max": 1.0}, "schedule": {"states": 1, "head_ratio": 0.5}}
    trainable = TuneTrainable(
        asked(run, model={"patch_size": 2}, train={"epochs_per_state": 1, "lr": 1e-5}, prune=prune)
    )
    _, ended = trainable.step(), trainable.step()
    assert any(warning.startswith("state 1: ") for warning in ended["warnings"]), ended
    record = read_record(run / "t-000")
    assert record is not None
    assert [f"state 1: {text}" for text in record.states[1].warnings] == ended["warnings"]


def test_a_finished_trial_asked_for_again_is_done_at_once(run: Path) -> None:
    config = asked(run)
    first = TuneTrainable(config)
    while not first.step()["done"]:
        pass
    content = (run / "t-000" / "record.jsonl").read_bytes()
    again = TuneTrainable(config).step()
    assert (again["done"], again["status"]) == (True, "finished")
    assert (run / "t-000" / "record.jsonl").read_bytes() == content


@pytest.mark.parametrize(
    ("error", "told"),
    [(ValueError("no such thing\nmore"), "ValueError: no such thing"), (UserError("mend it"), "mend it")],
)
def test_a_crash_is_the_trials_end_and_its_traceback_is_kept(run: Path, error: Exception, told: str) -> None:
    config = asked(run)
    trainable = TuneTrainable(config)
    trainable.open_trial = lambda *args: Broken(error)
    result = trainable.step()
    assert (result["done"], result["status"], result["error"]) == (True, "failed", told)
    record = read_record(run / "t-000")
    assert record is not None
    assert (record.status, record.error) == ("failed", told)
    assert "Traceback" in (run / "t-000" / "error.txt").read_text()


def test_a_crash_lets_go_of_the_state_that_others_wait_for(run: Path) -> None:
    launch = {**asked(run), "stages": (str(run / "stages"), 1.0)}
    trainable, other = TuneTrainable(launch), TuneTrainable({**asked(run, "t-001"), "stages": launch["stages"]})
    trainable.step()
    assert other.step()["waiting"]
    trainable._trial.procedure.running.epoch = None  # type: ignore[union-attr]
    assert trainable.step()["status"] == "failed"
    assert "epochs_total" in other.step(), "while the actor of the failed trial is still there"


def test_a_trial_of_an_earlier_launch_stops_without_writing(run: Path) -> None:
    trainable = TuneTrainable(asked(run))
    trainable.step()
    before = {file: file.read_bytes() for file in (run / "t-000").rglob("*") if file.is_file()}
    next_generation(run)
    with pytest.raises(Fenced):
        trainable.step()
    assert {file: file.read_bytes() for file in (run / "t-000").rglob("*") if file.is_file()} == before


def test_a_crash_of_a_fenced_trial_is_not_recorded(run: Path) -> None:
    trainable = TuneTrainable(asked(run))
    trainable.open_trial = lambda *args: Broken(ValueError("late"))
    next_generation(run)
    with pytest.raises(Fenced):
        trainable.step()
    assert read_record(run / "t-000") is None


def test_a_configuration_that_no_longer_reads_fails_in_one_line(run: Path) -> None:
    config = asked(run)
    value = json.loads((run / "t-000" / "trial.json").read_text())
    value["config"]["train"]["lr"] = -1
    atomic.write_json(run / "t-000" / "trial.json", value)
    result = TuneTrainable(config).step()
    assert result["status"] == "failed"
    assert "\n" not in result["error"]
