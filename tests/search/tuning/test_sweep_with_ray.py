"""Whole studies under Ray, with trials that train nothing: completion, crashes, signals, and the death of the driver."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.support.simulation import make_study
from search.run.folder import RunFolder
from search.run.manifest import open_run
from search.run.results import RunResults, load_results
from search.tuning.stop_request import ECHO_SECONDS
from tests.search.tuning.driver import Driver, epochs_of, in_its_fourth_epoch, two_epochs_on
from tests.search.tuning.gate import Gate, is_running
from tests.search.tuning.gated_trainable import LAST_WORDS

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(1800)]
SEARCH = {"algorithm": "tpe", "trials_per_arm": 3, "confirm": {"seeds": [101]}}
EPOCHS = 5
"""Of each trial."""


@pytest.fixture
def drivers() -> Iterator[list[Driver]]:
    started: list[Driver] = []
    yield started
    for driver in started:
        driver.close()


def made(tmp_path: Path, **sections: Any) -> RunFolder:
    resources = {"max_concurrent": 2, "gpus_per_trial": 0}
    asked = {"search": SEARCH, "compare": {"claim": "configurations"}, **sections}
    return open_run(tmp_path / "runs", make_study(tmp_path, resources=resources, **asked))


def check_each_epoch_once(results: RunResults) -> None:
    for trial in results.trials:
        numbers = [line["epochs_total"] for line in trial.record.epochs] if trial.record else []
        assert numbers == list(range(1, len(numbers) + 1)), trial.id


def finished(run: RunFolder) -> set[str]:
    return {trial.id for trial in load_results(run.path).trials if trial.status == "finished"}


def of_session(leader: int) -> list[int]:
    """What runs in a driver's session, in whichever process group: itself, Ray, and the trials' processes."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        pid = int(folder.name)
        try:
            if os.getsid(pid) == leader and is_running(pid):
                found.append(pid)
        except ProcessLookupError:
            continue
    return found


def check_nothing_is_left(run: RunFolder, driver: Driver) -> None:
    assert driver.wait() == 130, driver.said()
    assert "Traceback" not in driver.said()
    assert "GCS" not in driver.said()
    assert not run.is_driven()
    assert not (run.path / ".driver").exists()
    # Ray waits for its own processes; a trial's ends a moment after them.
    end = time.monotonic() + 60
    while of_session(driver.process.pid):
        assert time.monotonic() < end, of_session(driver.process.pid)
        time.sleep(0.1)


def test_a_study_completes_after_its_driver_and_then_a_trials_process_were_killed(
    tmp_path: Path, drivers: list[Driver]
) -> None:
    run, gate = made(tmp_path), Gate(tmp_path / "first")
    first = Driver(run, tmp_path / "home", GATE=str(gate.folder))
    drivers.append(first)
    # Two trials at a time: after so many epochs one of them has ended.
    gate.admit(2 * EPOCHS - 1)
    first.until_epochs(2 * EPOCHS - 1)
    first.until(lambda: finished(run))
    os.kill(first.process.pid, signal.SIGKILL)
    first.wait()
    before = load_results(run.path)
    ended = finished(run)
    lines = {name: (run.trial_folder(name) / "record.jsonl").read_bytes() for name in ended}
    assert {trial.status for trial in before.trials} <= {"finished", "interrupted", "pending"}
    assert not before.complete

    gate = Gate(tmp_path / "second")
    second = Driver(run, tmp_path / "home", GATE=str(gate.folder))
    drivers.append(second)
    gate.admit(3)
    second.until_epochs(2 * EPOCHS + 2)
    gate.kill_one()
    second.until_said("its process died, after epoch")
    gate.open()
    assert second.wait() == 0, second.said()
    (kept,) = run.trials_folder.glob("*/error.txt")
    assert LAST_WORDS in kept.read_text()
    assert "worker process has died" in kept.read_text()
    assert f"see trials/{kept.parent.name}/error.txt" in second.said()
    log = (run.path / "driver.log").read_text()
    assert log.count(": test\n") == 2, "a line for each launch, with its command"
    assert all(line[9:] in log for line in second.said().splitlines() if line[2:3] == ":"), "all that was said"
    assert log.rstrip().endswith("the run is complete")
    results = load_results(run.path)
    assert results.complete
    assert {trial.status for trial in results.trials} == {"finished"}
    assert len(results.trials) == 8
    check_each_epoch_once(results)
    assert {name: (run.trial_folder(name) / "record.jsonl").read_bytes() for name in ended} == lines
    assert "Traceback" not in second.said()


def test_an_interrupt_finishes_the_epoch_and_a_second_signal_leaves_at_once(
    tmp_path: Path, drivers: list[Driver]
) -> None:
    run = made(tmp_path)
    gate, first = in_its_fourth_epoch(run, tmp_path, drivers)
    os.kill(first.process.pid, signal.SIGINT)
    first.until_said("once more to leave now")
    gate.open()
    assert first.wait() == 130, first.said()
    assert "Traceback" not in first.said()
    left = load_results(run.path)
    assert "interrupted" in {trial.status for trial in left.trials}
    assert not left.complete
    kept = epochs_of(run)
    assert kept in (4, 5), "each of at most two trials finished the epoch it was in, and began no other"

    gate, second = two_epochs_on(run, tmp_path, drivers, kept)
    check_each_epoch_once(load_results(run.path))
    os.kill(second.process.pid, signal.SIGTERM)
    second.until_said("once more to leave now")
    assert second.process.poll() is None
    os.kill(second.process.pid, signal.SIGUSR1)
    assert second.wait() == 130, second.said()
    assert "Traceback" not in second.said()
    assert epochs_of(run) == kept + 2
    assert not run.is_driven()

    third = Driver(run, tmp_path / "home", BUDGET="0.1")
    drivers.append(third)
    assert third.wait() == 0, third.said()
    assert epochs_of(run) == kept + 2, "the budget was spent before the first epoch could start"
    assert not load_results(run.path).complete


def test_one_sigterm_to_all_processes_finishes_the_epoch_and_a_second_leaves_at_once(
    tmp_path: Path, drivers: list[Driver]
) -> None:
    """As systemd and `scancel` send it, and then as `timeout` does: to the command, and at once to its group."""
    run = made(tmp_path)
    gate, first = in_its_fourth_epoch(run, tmp_path, drivers)
    assert len(of_session(first.process.pid)) > 3, "the driver, Ray's and at least one trial's"
    for pid in of_session(first.process.pid):
        os.kill(pid, signal.SIGTERM)
    first.until_said("once more to leave now")
    gate.open()
    check_nothing_is_left(run, first)
    kept = epochs_of(run)
    assert kept in (4, 5), "each of at most two trials finished the epoch it was in, and began no other"

    gate, second = two_epochs_on(run, tmp_path, drivers, kept)
    second.process.send_signal(signal.SIGTERM)
    os.killpg(second.process.pid, signal.SIGTERM)
    second.until_said("once more to leave now")
    time.sleep(ECHO_SECONDS)
    assert second.process.poll() is None, "it was asked once"
    os.killpg(second.process.pid, signal.SIGTERM)
    check_nothing_is_left(run, second)
    assert epochs_of(run) == kept + 2
    check_each_epoch_once(load_results(run.path))


def test_the_same_failure_again_and_again_ends_the_study_with_one_error(tmp_path: Path, drivers: list[Driver]) -> None:
    run = made(tmp_path)
    driver = Driver(run, tmp_path / "home", FAILURE="no room")
    drivers.append(driver)
    assert driver.wait() != 0
    assert "three times in a row: RuntimeError: no room (" in driver.said(), "their texts differ in the trial's name"
    results = load_results(run.path)
    # One that was handed out and had no process yet is taken back as the study is left.
    begun = [trial for trial in results.trials if trial.status != "pending"]
    assert {trial.status for trial in begun} == {"failed"}
    assert 3 <= len(begun) <= len(results.trials) <= 4
