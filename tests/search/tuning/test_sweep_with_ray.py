"""Whole studies under Ray, with trials that train nothing: completion, crashes, signals, and the death of the driver."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.support.simulation import make_study
from search.run.folder import RunFolder
from search.run.manifest import open_run
from search.run.results import RunResults, load_results

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(600)]
ROOT = Path(__file__).resolve().parents[3]
SEARCH = {"algorithm": "tpe", "trials_per_arm": 3, "confirm": {"seeds": [101]}}


class Driver:
    """A study driven by another process, in a group of its own so that signals meet only it."""

    def __init__(self, run: RunFolder, home: Path, **environment: str) -> None:
        home.mkdir(exist_ok=True)
        variables = {**os.environ, "HOME": str(home), "PYTHONPATH": str(ROOT), **environment}
        self.run = run
        self.errors = (home / "stderr").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.support.simulated_trainable", str(run.path)],
            cwd=ROOT, env=variables, stderr=self.errors, start_new_session=True,
        )  # fmt: skip

    def wait(self, seconds: float = 300) -> int:
        return self.process.wait(seconds)

    def until_epochs(self, count: int, seconds: float = 240) -> None:
        """Wait until the run's records hold so many epochs."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if epochs_of(self.run) >= count:
                return
            assert self.process.poll() is None, self.said()
            time.sleep(0.1)
        raise AssertionError(f"only {epochs_of(self.run)} epochs after {seconds} s\n{self.said()}")

    def until_begun(self, seconds: float = 120) -> None:
        """Wait until a trial is in its first epoch, which may take for ever."""
        end = time.monotonic() + seconds
        while not list(self.run.trials_folder.glob("*/record.jsonl")):
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < end, self.said()
            time.sleep(0.1)

    def until_said(self, text: str, seconds: float = 120) -> None:
        end = time.monotonic() + seconds
        while text not in self.said():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < end, self.said()
            time.sleep(0.1)

    def said(self) -> str:
        self.errors.flush()
        return Path(self.errors.name).read_text()

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.errors.close()


@pytest.fixture
def drivers() -> Iterator[list[Driver]]:
    started: list[Driver] = []
    yield started
    for driver in started:
        driver.close()


def epochs_of(run: RunFolder) -> int:
    records = run.trials_folder.glob("*/record.jsonl") if run.trials_folder.is_dir() else ()
    return sum(file.read_bytes().count(b'"kind":"epoch"') for file in records)


def made(tmp_path: Path, **sections: Any) -> RunFolder:
    resources = {"max_concurrent": 2, "gpus_per_trial": 0}
    return open_run(tmp_path / "runs", make_study(tmp_path, resources=resources, **{"search": SEARCH, **sections}))


def check_each_epoch_once(results: RunResults) -> None:
    for trial in results.trials:
        assert trial.record is not None
        numbers = [line["epochs_total"] for line in trial.record.epochs]
        assert numbers == list(range(1, len(numbers) + 1)), trial.id


def test_a_study_completes_after_its_driver_and_then_a_trials_process_were_killed(
    tmp_path: Path, drivers: list[Driver]
) -> None:
    run = made(tmp_path)
    first = Driver(run, tmp_path / "home", SIMULATED_SECONDS="0.4")
    drivers.append(first)
    first.until_epochs(7)
    os.kill(first.process.pid, signal.SIGKILL)
    first.wait()
    before = load_results(run.path)
    finished = {trial.id for trial in before.trials if trial.status == "finished"}
    lines = {trial.id: (trial.folder / "record.jsonl").read_bytes() for trial in before.trials if trial.id in finished}
    assert {trial.status for trial in before.trials} <= {"finished", "interrupted", "pending"}
    assert not before.complete

    second = Driver(run, tmp_path / "home", SIMULATED_SECONDS="0.3")
    drivers.append(second)
    second.until_epochs(epochs_of(run) + 3)
    running = next(trial for trial in load_results(run.path).trials if trial.status == "running")
    (running.folder / "die").touch()
    assert second.wait() == 0, second.said()
    results = load_results(run.path)
    assert results.complete
    assert {trial.status for trial in results.trials} == {"finished"}
    assert len(results.trials) == 8
    check_each_epoch_once(results)
    assert {name: (run.trial_folder(name) / "record.jsonl").read_bytes() for name in finished} == lines
    assert "its process died; it goes on" in second.said()
    assert "Traceback" not in second.said()


def test_an_interrupt_finishes_the_epoch_and_leaves_a_run_that_goes_on(tmp_path: Path, drivers: list[Driver]) -> None:
    run = made(tmp_path)
    first = Driver(run, tmp_path / "home", SIMULATED_SECONDS="0.5")
    drivers.append(first)
    first.until_epochs(3)
    os.kill(first.process.pid, signal.SIGINT)
    assert first.wait(120) == 130, first.said()
    assert "Traceback" not in first.said()
    left = load_results(run.path)
    assert "interrupted" in {trial.status for trial in left.trials}
    assert not left.complete

    second = Driver(run, tmp_path / "home")
    drivers.append(second)
    assert second.wait() == 0, second.said()
    results = load_results(run.path)
    assert results.complete
    check_each_epoch_once(results)


def test_a_spent_budget_leaves_in_peace_and_a_second_signal_leaves_at_once(
    tmp_path: Path, drivers: list[Driver]
) -> None:
    run = made(tmp_path)
    first = Driver(run, tmp_path / "home", SIMULATED_BUDGET="0.1")
    drivers.append(first)
    assert first.wait(120) == 0, first.said()
    assert epochs_of(run) == 0, "the budget was spent before the first epoch could start"
    assert not load_results(run.path).complete

    second = Driver(run, tmp_path / "home", SIMULATED_SECONDS="200")
    drivers.append(second)
    second.until_begun()
    os.kill(second.process.pid, signal.SIGTERM)
    second.until_said("once more to leave now")
    assert second.process.poll() is None
    os.kill(second.process.pid, signal.SIGUSR1)
    assert second.wait(60) == 130, second.said()
    assert "Traceback" not in second.said()
    assert epochs_of(run) == 0
    assert not run.is_driven()


def test_the_same_failure_again_and_again_ends_the_study_with_one_error(tmp_path: Path, drivers: list[Driver]) -> None:
    run = made(tmp_path)
    driver = Driver(run, tmp_path / "home", SIMULATED_FAILURE="no space left")
    drivers.append(driver)
    assert driver.wait() != 0
    assert "three times in a row: RuntimeError: no space left" in driver.said()
    results = load_results(run.path)
    assert {trial.status for trial in results.trials} == {"failed"}
    assert len(results.trials) <= 4
