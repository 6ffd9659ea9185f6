"""Trackers have each epoch of a record once, whatever was killed or could not be reached in between."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from search.run.folder import RunFolder
from search.run.trials import read_trial
from search.study.beside.logging_section import MlflowConfig
from search.trackers import sender as senders
from search.trackers.ledger import Entry, Ledger, destination
from search.trackers.rows import rows_of
from tests.search.trackers.records import GrowingTrial, Memory, made_run, sender


def test_epochs_are_told_as_they_come_and_a_last_one_with_its_states_end(tmp_path: Path) -> None:
    run, tracker = made_run(tmp_path), Memory()
    trial, process = GrowingTrial(run), sender(run, tracker)
    trial.epoch(1)
    process.look()
    (told,) = tracker.told.values()
    assert told.steps == [1]
    trial.epoch(2)
    process.look()
    assert told.steps == [1], "the state has not ended"
    trial.state(2)
    trial.epochs(3, 4)
    trial.end("finished")
    process.look()
    assert told.steps == [1, 2, 3, 4]
    assert told.statuses == ["finished"]
    tags = {(one.tag, one.step) for one in told.scalars}
    assert {("accuracy/val", 4), ("kept/heads", 4), ("state/val_accuracy", 1), ("final/val_accuracy", 4)} <= tags
    assert ("state/val_accuracy_at_removed_permille", 200) in tags


def test_nothing_of_the_test_split_is_told(tmp_path: Path) -> None:
    run, tracker = made_run(tmp_path), Memory()
    trial = GrowingTrial(run)
    trial.epochs(1, 4)
    trial.end("finished")
    sender(run, tracker).look(last=True)
    (told,) = tracker.told.values()
    everything = [*told.introduction.parameters, *told.introduction.tags, *(one.tag for one in told.scalars)]
    assert [name for name in everything if "test" in name.replace("latest", "")] == []
    assert '"test_accuracy"' in (run / "trials" / trial.id / "record.jsonl").read_text(encoding="utf-8")


def test_a_trial_is_introduced_by_what_is_searched_first(tmp_path: Path) -> None:
    run, tracker = made_run(tmp_path), Memory()
    GrowingTrial(run).epochs(1, 1)
    sender(run, tracker).look()
    (told,) = tracker.told.values()
    assert next(iter(told.introduction.parameters)) == "train.lr"
    assert told.introduction.parameters["prune.method"] == "rsst"
    kept = {name: told.introduction.tags[name] for name in ("study", "arm", "phase", "seed", "method")}
    assert kept == {"study": "made", "arm": "rsst", "phase": "search", "seed": "7", "method": "rsst"}


@pytest.mark.parametrize("knows", [True, False])
@pytest.mark.parametrize("at_once", [True, False])
def test_a_resumed_trial_goes_on_with_the_same_tracked_one_and_repeats_nothing(
    tmp_path: Path, knows: bool, at_once: bool
) -> None:
    run, tracker = made_run(tmp_path), Memory(knows=knows, has_at_once=at_once)
    trial = GrowingTrial(run)
    trial.epochs(1, 3)
    sender(run, tracker).look(last=True)
    trial.go_on(2, generation=2)  # the third epoch is trained again, to the same numbers
    trial.epochs(3, 4)
    trial.end("finished")
    sender(run, tracker).look(last=True)
    sender(run, tracker).look(last=True)
    (told,) = tracker.told.values()
    assert told.steps == [1, 2, 3, 4]
    assert told.statuses == ["interrupted", "finished"]


def test_a_process_that_is_killed_before_the_tracker_has_all_sends_it_again(tmp_path: Path) -> None:
    run, tracker = made_run(tmp_path), Memory(knows=False, has_at_once=False)
    trial = GrowingTrial(run)
    trial.epochs(1, 3)
    sender(run, tracker).look()  # and never lets go of the trial
    assert [told.steps for told in tracker.told.values()] == [[]]
    trial.epochs(4, 4)
    trial.end("finished")
    sender(run, tracker).look(last=True)
    assert [told.steps for told in tracker.told.values()] == [[1, 2, 3, 4]]


@pytest.mark.parametrize("failing", ["introduce", "send", "let go"])
def test_a_tracker_that_cannot_be_reached_is_told_of_once_and_has_all_in_the_end(
    tmp_path: Path, failing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(senders, "FIRST_PAUSE", 0.0)
    down = True

    def fail(what: str) -> None:
        if down and what == failing:
            raise ConnectionError("connection refused")

    run, tracker, said = made_run(tmp_path), Memory(fail=fail), list[str]()
    process, trial = sender(run, tracker, said), GrowingTrial(run)
    for number in (1, 2, 3, 4):
        trial.epochs(number, number)
        process.look()
    trial.end("finished")
    assert [process.look() for _ in range(3)] == [False] * 3
    assert len(said) == 1
    assert said[0].startswith("mlflow cannot be reached (ConnectionError: connection refused); the trials go on")
    assert "prunetune log" in said[0]
    down = False
    process._not_before = 0.0
    assert process.look()
    assert said[1:] == ["mlflow answers again; it has been sent what it lacked"]
    (told,) = tracker.told.values()
    assert told.steps == [1, 2, 3, 4]
    assert told.statuses == ["finished"]


def test_a_trial_that_failed_before_its_first_epoch_is_told_of(tmp_path: Path) -> None:
    run, tracker = made_run(tmp_path), Memory()
    GrowingTrial(run).end("failed")
    sender(run, tracker).look(last=True)
    assert [(told.steps, told.statuses) for told in tracker.told.values()] == [([], ["failed"])]


def test_another_choice_under_the_same_id_is_another_trial(tmp_path: Path) -> None:
    run, tracker = made_run(tmp_path), Memory()
    first = GrowingTrial(run, "rsst-confirm-s101", source="rsst-000")
    first.epochs(1, 2)
    first.end("stopped")
    process = sender(run, tracker)
    process.look()
    (run / "trials" / first.id).rename(tmp_path / "superseded")
    second = GrowingTrial(run, "rsst-confirm-s101", source="rsst-001")
    second.epochs(1, 1)
    process.look()
    assert [told.steps for told in tracker.told.values()] == [[1, 2], [1]]


def test_what_one_place_was_told_another_is_not_thought_to_know(tmp_path: Path) -> None:
    run = made_run(tmp_path)
    GrowingTrial(run).epochs(1, 1)
    sender(run, Memory()).look(last=True)
    path = run / "logging" / "mlflow.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["told"]["there"] = content["told"].pop("here")
    path.write_text(json.dumps(content), encoding="utf-8")
    other = Memory(knows=False)
    sender(run, other).look(last=True)
    assert [told.steps for told in other.told.values()] == [[1]]
    assert next(iter(other.told)).startswith(content["key"])


def test_what_a_tracker_had_already_was_not_sent(tmp_path: Path) -> None:
    run, tracker = made_run(tmp_path), Memory()
    GrowingTrial(run).epochs(1, 3)
    sender(run, tracker).look(last=True)
    path = run / "logging" / "mlflow.json"
    told = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**told, "told": {}}), encoding="utf-8")  # as a kill before it was noted does
    GrowingTrial(run, "rsst-001").epochs(1, 2)
    sender(run, tracker).look(last=True)
    ledger = Ledger(RunFolder(run), "mlflow", "here")
    assert (ledger.epochs, ledger.sent) == (5, 2)


@pytest.mark.parametrize("before", ["MLFLOW_TRACKING_URI http://host/", "tracking_uri http://me:secret@host"])
def test_one_place_has_one_name_however_it_is_given_and_no_password_in_it(
    tmp_path: Path, before: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = made_run(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:secret@host")
    from_outside = destination("mlflow", MlflowConfig())
    assert from_outside == "tracking_uri http://host"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://elsewhere")
    assert destination("mlflow", MlflowConfig(tracking_uri="http://host/")) == from_outside
    (run / "logging").mkdir()
    told = {"key": "k", "told": {before: {"rsst-000": {"id": "a", "epochs": 3, "status": ""}}}}
    (run / "logging" / "mlflow.json").write_text(json.dumps(told), encoding="utf-8")
    ledger = Ledger(RunFolder(run), "mlflow", from_outside)
    assert ledger.epochs == 3
    ledger.note("rsst-000", Entry("a", 4))
    assert "secret" not in (run / "logging" / "mlflow.json").read_text(encoding="utf-8")


def test_the_times_are_the_trials_and_not_those_of_sending(tmp_path: Path) -> None:
    run, tracker = made_run(tmp_path), Memory()
    trial = GrowingTrial(run)
    trial.epochs(1, 4)
    trial.end("finished")
    folder = run / "trials" / trial.id
    os.utime(folder / "trial.json", (1000.0, 1000.0))
    os.utime(folder / "record.jsonl", (1010.0, 1010.0))
    recorded = read_trial(folder, "running")
    assert [(row.step, row.at) for row in rows_of(recorded, 1)] == [(2, 1002.0), (3, 1003.0), (4, 1004.0)]
    os.utime(folder / "trial.json", (2000.0, 2000.0))  # given anew, or copied
    assert [row.at for row in rows_of(recorded, 0)] == [1007.0, 1008.0, 1009.0, 1010.0]
    sender(run, tracker).look(last=True)
    (told,) = tracker.told.values()
    assert (told.introduction.began, told.times) == (1006.0, [1010.0])


def test_a_damaged_ledger_is_as_none(tmp_path: Path) -> None:
    run, tracker = made_run(tmp_path), Memory()
    GrowingTrial(run).epochs(1, 2)
    (run / "logging").mkdir()
    (run / "logging" / "mlflow.json").write_text('{"told": 3', encoding="utf-8")
    assert sender(run, tracker).look(last=True)
    assert [told.steps for told in tracker.told.values()] == [[1, 2]]


def test_rows_after_an_epoch_are_those_that_follow(tmp_path: Path) -> None:
    run = made_run(tmp_path)
    trial = GrowingTrial(run)
    trial.epochs(1, 4)
    recorded = read_trial(run / "trials" / trial.id, "running")
    assert [[row.step for row in rows_of(recorded, after)] for after in (0, 2, 4)] == [[1, 2, 3, 4], [3, 4], []]
