"""Failed trials that `--retry-failed` hands out again: the end they had counts for nothing, and a new one does."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.support.simulation import make_study
from search.run.manifest import open_run
from search.run.store import TrialStore
from search.run.trials import RecordedTrial
from search.study.study import Study
from search.tuning.losses.loss import Loss
from search.tuning.trial_queue import TrialQueue
from trainables.files.failure import Failure, record_failure
from trainables.files.generation import Fence
from trainables.files.record import RecordWriter
from trainables.files.turn import begin_turn

BROKEN = Failure("error", "ZeroDivisionError: x", "ZeroDivisionError", "a.py, f")
FAILED = 3


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return make_study(tmp_path, search={"trials_per_arm": 2})


@pytest.fixture
def queue(study: Study, tmp_path: Path) -> TrialQueue:
    """Of a launch that retries three trials, which failed alike in the one before."""
    before = launched(study, tmp_path)
    for _ in range(FAILED):
        trial = handed_out(before)
        before.store.fail(trial, BROKEN)
        before.give_back(trial.id)
    assert before.fatal is not None
    return launched(study, tmp_path, retry_failed=True)


def launched(study: Study, tmp_path: Path, *, retry_failed: bool = False) -> TrialQueue:
    run = open_run(tmp_path / "runs", study)
    store = TrialStore(run)
    store.guard = Fence(run.path, run.begin_launch())
    return TrialQueue(study, store, retry_failed=retry_failed)


def handed_out(queue: TrialQueue) -> RecordedTrial:
    trial = queue.next()
    assert not isinstance(trial, str)
    return trial


def test_lost_while_they_load_they_go_on_by_why_they_were_lost(queue: TrialQueue) -> None:
    names = []
    for _ in range(FAILED):
        trial = handed_out(queue)
        names.append(trial.id)
        assert trial.status == "running"
        assert queue.give_back(trial.id, Loss("node", "its machine was lost")).status == "running"
    assert queue.fatal is None
    assert [handed_out(queue).id for _ in range(FAILED)] == names


def test_the_same_error_again_counts_though_the_trial_never_went_on(queue: TrialQueue) -> None:
    for _ in range(FAILED):
        assert queue.fatal is None
        trial = handed_out(queue)
        record_failure(trial.folder, trial, BROKEN, generation=begin_turn(trial.folder, queue.store.guard).generation)
        assert queue.give_back(trial.id).status == "failed"
    assert queue.fatal == BROKEN.told


def test_what_the_driver_says_of_it_counts(queue: TrialQueue) -> None:
    trial = handed_out(queue)
    assert queue.store.fail(trial, BROKEN).status == "failed"
    assert queue.store.refresh(trial.id).status == "failed"


def test_once_it_has_gone_on_its_record_tells(queue: TrialQueue) -> None:
    trial = handed_out(queue)
    writer = RecordWriter(trial.folder, begin_turn(trial.folder, queue.store.guard).generation)
    writer.go_on(0, 0, 0)
    assert queue.store.refresh(trial.id).status == "running"
    writer.append({"kind": "end", "status": "failed", **BROKEN.to_json()})
    assert queue.give_back(trial.id).status == "failed"
