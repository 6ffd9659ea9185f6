"""A real trial whose run is in a bucket of a real S3 server: its numbers are those of a trial in a folder, bit for bit,
whatever machine goes on with it, wherever one is killed, and however the server fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.s3_server import Fault, Proxy
from tests.trainables.small_trials import TIMES, run, small_config
from trainables.files.generation import Fence, Fenced
from trainables.files.record import Identity, read_record
from trainables.files.remote.address import opened_copies
from trainables.files.remote.bucket import Bucket
from trainables.files.remote.errors import Unreachable
from trainables.files.remote.run_mirror import RunMirror
from trainables.files.remote.trial_mirror import TrialMirror
from trainables.trial import Trial

pytestmark = pytest.mark.slow
KILLED_AFTER = (1, 2, 4, 7, 11, 12, 17, 23)
"""So many objects that the trial's machines have sent: each once, and farther apart in the end than a state has objects."""


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What counts of the record of a trial that nothing happened to."""
    folder = tmp_path_factory.mktemp("straight") / "t-000"
    run(Trial.open(folder, Identity("t-000", "t"), small_config()))
    return what_counts(folder)


def what_counts(folder: Path) -> list[dict[str, Any]]:
    record = read_record(folder)
    assert record is not None
    assert record.status == "finished"
    states = [state.to_json() for state in record.states]
    return [{key: value for key, value in line.items() if key not in TIMES} for line in [*record.epochs, *states]]


class Machine:
    """One of a run's machines, with a working copy of its own; a process on it trains the trial."""

    def __init__(self, url: str, cache: Path, monkeypatch: pytest.MonkeyPatch, launch: int | None = None) -> None:
        monkeypatch.setenv("PRUNETUNE_CACHE", str(cache))
        self.run = RunMirror.of(opened_copies(url) / "small")
        assert self.run is not None
        self.folder = self.run.folder / "trials" / "t-000"
        self.launch = launch or self.run.begin_launch()
        self.mirror = TrialMirror(self.run.folder, self.folder, self.launch)
        self.told: list[str] = []

    def open(self) -> Trial:
        self.mirror.fetch()
        guard = Fence(self.run.folder, self.launch) if self.run else None
        assert guard is not None
        return Trial.open(self.folder, Identity("t-000", "t"), small_config(), guard=guard)

    def step(self, trial: Trial) -> None:
        line = trial.step()
        self.told += self.mirror.push(logs=bool(line.get("state_ended")), insist=trial.done)

    def rest(self, trial: Trial) -> None:
        while not trial.done:
            self.step(trial)

    def run_whole(self) -> None:
        self.rest(self.open())


def test_a_machine_after_another_trains_one_epoch(
    s3: str, tmp_path: Path, straight: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(12):
        machine = Machine(s3, tmp_path / f"cache{number % 3}", monkeypatch)
        trial = machine.open()
        if trial.done:
            break
        machine.step(trial)
    assert number == 6
    assert what_counts(machine.folder) == straight


def test_a_machine_that_is_killed_after_any_object_costs_an_epoch_at_most(
    s3: str, tmp_path: Path, straight: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    upload, sent = Bucket.upload, [0]

    def counted(self: Bucket, *arguments: Any) -> str:
        version = upload(self, *arguments)
        sent[0] += 1
        if sent[0] in KILLED_AFTER:
            raise KeyboardInterrupt
        return version

    monkeypatch.setattr(Bucket, "upload", counted)
    trained, number = 0, 0
    while True:
        machine = Machine(s3, tmp_path / f"cache{number % 2}", monkeypatch)
        number += 1
        try:
            trial = machine.open()
            while not trial.done:
                trained += 1
                machine.step(trial)
            machine.mirror.push(logs=True, insist=True)
            break
        except KeyboardInterrupt:
            continue
    assert number == len(KILLED_AFTER) + 1
    epochs = sum(line.get("kind") == "epoch" for line in straight)
    assert trained <= epochs + number - 1
    assert what_counts(machine.folder) == straight


@pytest.mark.parametrize("fault", ["503", "cut", "lost"])
def test_a_server_that_fails_for_a_while(
    fault: Fault, s3: str, proxy: Proxy, tmp_path: Path, straight: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainables.files.remote.trial_mirror.OF_STEP", 0.5)
    machine = Machine(s3, tmp_path / "cache", monkeypatch)
    trial = machine.open()
    machine.step(trial)
    proxy.fault = lambda method, path: fault if method == "PUT" else "none"
    machine.step(trial)
    machine.step(trial)
    assert len(machine.told) == 2
    assert all("kept on this machine" in line for line in machine.told)
    proxy.fault = lambda method, path: "none"
    while not trial.done:
        machine.step(trial)
    assert len(machine.told) == 2
    other = Machine(s3, tmp_path / "other", monkeypatch)
    assert other.open().done
    assert what_counts(other.folder) == straight


def test_a_server_of_which_every_third_request_fails(
    s3: str, proxy: Proxy, tmp_path: Path, straight: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    faults: tuple[Fault, ...] = ("503", "cut", "lost")
    asked = [0]

    def every_third(method: str, path: str) -> Fault:
        asked[0] += 1
        return faults[asked[0] // 3 % 3] if asked[0] % 3 == 0 else "none"

    proxy.fault = every_third
    machine = Machine(s3, tmp_path / "cache", monkeypatch)
    machine.run_whole()
    assert machine.told == []
    assert what_counts(machine.folder) == straight
    other = Machine(s3, tmp_path / "other", monkeypatch)
    assert other.open().done
    assert what_counts(other.folder) == straight


def test_a_server_that_never_comes_back_ends_the_trial_and_loses_nothing_here(
    s3: str, proxy: Proxy, tmp_path: Path, straight: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRUNETUNE_BUCKET_PATIENCE", "3")
    monkeypatch.setattr("trainables.files.remote.trial_mirror.OF_STEP", 1.0)
    machine = Machine(s3, tmp_path / "cache", monkeypatch)
    trial = machine.open()
    machine.step(trial)
    proxy.fault = lambda method, path: "503"
    with pytest.raises(Unreachable, match="failed for"):
        machine.rest(trial)
    proxy.fault = lambda method, path: "none"
    again = Machine(s3, tmp_path / "cache", monkeypatch)
    again.run_whole()
    assert what_counts(again.folder) == straight


def test_who_was_overtaken_by_another_launch_sends_nothing(
    s3: str, tmp_path: Path, straight: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    orphan = Machine(s3, tmp_path / "cache", monkeypatch)
    trial = orphan.open()
    orphan.step(trial)
    other = Machine(s3, tmp_path / "other", monkeypatch)
    other.step(other.open())
    with pytest.raises(Fenced, match="launch 1 is over"):
        orphan.step(trial)
    last = Machine(s3, tmp_path / "third", monkeypatch)
    last.run_whole()
    assert what_counts(last.folder) == straight


def test_of_two_processes_of_one_launch_the_later_goes_on(
    s3: str, tmp_path: Path, straight: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Machine(s3, tmp_path / "cache", monkeypatch)
    trial = first.open()
    first.step(trial)
    second = Machine(s3, tmp_path / "other", monkeypatch, first.launch)
    following = second.open()
    second.step(following)
    with pytest.raises(Fenced, match="another process has written it"):
        first.step(trial)
    while not following.done:
        second.step(following)
    assert what_counts(second.folder) == straight
