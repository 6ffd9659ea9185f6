"""A process that passed its guard, was held up and writes late: the trial's numbers are those of one run all the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open

from tests.trainables.small_trials import numbers, run, small_config
from trainables.files.checkpoint import KEY, Checkpoint, folder_of, load_checkpoint, save_checkpoint
from trainables.files.failure import Failure, record_failure
from trainables.files.generation import Fence, Fenced, Guard, next_generation
from trainables.files.record import Identity, read_record
from trainables.files.request import TrialRequest
from trainables.trial import Trial

CHANGES: dict[str, Any] = {"prune": {"rewind": {"epoch": 1}, "schedule": {"states": 1}}}
EPOCHS = 4
IDENTITY = Identity("t-000", "t")


@dataclass
class HeldUp:
    """A guard after whose check number `at`, counted from 1, there is a pause, in which something happens."""

    fence: Fence
    at: int
    meanwhile: Callable[[], None]
    checks: int = 0

    @property
    def generation(self) -> int:
        return self.fence.generation

    def __call__(self) -> None:
        self.fence()
        self.checks += 1
        if self.checks == self.at:
            self.meanwhile()


def launched(run_folder: Path) -> Trial:
    """The trial, gone on with by a launch of its own."""
    return opened(run_folder, Fence(run_folder, next_generation(run_folder)))


def opened(run_folder: Path, guard: Guard) -> Trial:
    return Trial.open(run_folder / "t-000", IDENTITY, small_config(**CHANGES), guard=guard)


def steps(trial: Trial, count: int) -> Trial:
    while count and not trial.done:
        trial.step()
        count -= 1
    return trial


def checks_of_a_whole_trial(folder: Path) -> int:
    guard = HeldUp(Fence(folder, next_generation(folder)), 0, lambda: None)
    run(opened(folder, guard))
    return guard.checks


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("straight")
    run(launched(folder))
    return numbers(folder / "t-000")


def hold_up(folder: Path, at: int, meanwhile: int) -> None:
    """A launch that is held up after one of its checks, while another goes so many steps; then it goes on, if it may."""
    guard = HeldUp(Fence(folder, next_generation(folder)), at, lambda: steps(launched(folder), meanwhile) and None)
    try:
        steps(opened(folder, guard), EPOCHS)
    except Fenced:
        return
    assert guard.checks <= at, "held up at its last check"


def check(folder: Path, straight: list[dict[str, Any]], *, finished: bool) -> None:
    record = read_record(folder / "t-000")
    assert record is not None
    epochs = len(record.epochs)
    assert [line["epochs_total"] for line in record.epochs] == list(range(1, epochs + 1))
    assert numbers(folder / "t-000")[:epochs] == straight[:epochs]
    if finished:
        assert record.status == "finished"
    run(launched(folder))
    assert numbers(folder / "t-000") == straight


@pytest.mark.parametrize(("at", "meanwhile"), [(1, 1), (4, 0), (6, 2), (13, 2), (14, EPOCHS)])
def test_where_a_trial_is_held_up_changes_no_number(
    tmp_path: Path, straight: list[dict[str, Any]], at: int, meanwhile: int
) -> None:
    hold_up(tmp_path, at, meanwhile)
    check(tmp_path, straight, finished=meanwhile == EPOCHS)


@pytest.mark.slow
@pytest.mark.parametrize("meanwhile", [0, 1, 2, EPOCHS])
def test_wherever_a_trial_is_held_up_changes_no_number(
    tmp_path: Path, straight: list[dict[str, Any]], meanwhile: int
) -> None:
    checks = checks_of_a_whole_trial(tmp_path / "whole")
    assert checks > 3 * EPOCHS
    for at in range(1, checks + 1):
        hold_up(tmp_path / str(at), at, meanwhile)
        check(tmp_path / str(at), straight, finished=meanwhile == EPOCHS)


def test_who_goes_on_late_takes_nothing_from_a_newer_launch(tmp_path: Path, straight: list[dict[str, Any]]) -> None:
    steps(launched(tmp_path), 1)
    hold_up(tmp_path, 1, 2)
    record = read_record(tmp_path / "t-000")
    assert record is not None
    assert len(record.epochs) == 3
    check(tmp_path, straight, finished=False)


def test_a_failure_told_late_ends_no_trial_that_has_gone_on(tmp_path: Path, straight: list[dict[str, Any]]) -> None:
    steps(launched(tmp_path), 1)
    steps(launched(tmp_path), 1)
    request = TrialRequest(IDENTITY, small_config(**CHANGES).model_dump(mode="json"))
    record_failure(tmp_path / "t-000", request, Failure("process", "its process died"), generation=1)
    record = read_record(tmp_path / "t-000")
    assert record is not None
    assert record.status == "running"
    check(tmp_path, straight, finished=False)


def late_checkpoint(folder: Path) -> Checkpoint:
    """One of a launch that is over, of an epoch beyond the place where the next went on."""
    trial = folder / "t-000"
    steps(launched(folder), 2)
    found = load_checkpoint(trial).checkpoint
    assert found is not None
    (folder_of(trial) / "latest.safetensors").unlink()
    return found


def test_a_late_checkpoint_is_not_taken_where_the_record_has_gone_another_way(
    tmp_path: Path, straight: list[dict[str, Any]]
) -> None:
    late = late_checkpoint(tmp_path)
    launched(tmp_path)  # goes on after the first epoch, and dies
    save_checkpoint(tmp_path / "t-000", late)
    trial = launched(tmp_path)
    assert trial.procedure.position.epochs_total == 1
    assert "is of epoch 2 of launch 1, which the record does not count" in trial.warnings[-1]
    check(tmp_path, straight, finished=False)


def test_a_late_checkpoint_does_not_stand_in_for_a_newer_launchs(
    tmp_path: Path, straight: list[dict[str, Any]]
) -> None:
    late = late_checkpoint(tmp_path)
    newer = steps(launched(tmp_path), 2)
    save_checkpoint(tmp_path / "t-000", late)
    trial = launched(tmp_path)
    assert trial.procedure.position.epochs_total == 3
    assert not trial.warnings
    save_checkpoint(tmp_path / "t-000", late)
    steps(trial, 1)
    assert {saved_by(tmp_path, name) for name in ("latest", "previous")} == {2, 3}, (
        "the late one is not kept as the one before"
    )
    assert newer.procedure.position.epochs_total == 3
    check(tmp_path, straight, finished=True)


def saved_by(folder: Path, name: str) -> int:
    with safe_open(folder_of(folder / "t-000") / f"{name}.safetensors", framework="pt") as file:
        return int(json.loads(file.metadata()[KEY])["generation"])


@pytest.mark.slow
def test_a_state_file_written_late_has_the_same_bits(tmp_path: Path) -> None:
    checks = checks_of_a_whole_trial(tmp_path / "straight")
    for at in range(1, checks + 1):
        hold_up(tmp_path / "held" / str(at), at, EPOCHS)
    for file in (tmp_path / "straight" / "t-000" / "states").iterdir():
        for at in range(1, checks + 1):
            held = tmp_path / "held" / str(at) / "t-000" / "states" / file.name
            assert held.read_bytes() == file.read_bytes(), at
