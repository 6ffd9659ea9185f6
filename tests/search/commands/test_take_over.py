"""`--take-over`: a run whose driver's machine is gone is driven on, and nothing is changed without it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.support.simulation import Simulation, make_study
from search import cli
from search.commands import launch
from search.run.folder import RunFolder
from search.run.manifest import write_launch
from tests.search.run.driving.others import HOST, hold_lock, lease_of_another_machine
from trainables.files.generation import read_generation

GONE = 3600.0


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunFolder]:
    """Complete, whose lock is held by a machine that gives no sign of life; a report is not what is asked here."""
    study = make_study(tmp_path, search={"algorithm": "random", "trials_per_arm": 1}, resources={"gpus_per_trial": 0})
    made = Simulation(study, tmp_path / "runs").go().run
    write_launch(made, 1, {}, {}, [], study)
    monkeypatch.setattr(launch, "conclude", lambda *_, **__: "done")
    held = hold_lock(made.path)
    lease_of_another_machine(made.path, age=GONE)
    yield made
    os.close(held)


def asked(command: str, run: RunFolder) -> list[str]:
    if command == "resume":
        return ["resume", str(run.path)]
    return ["sweep", str(run.path.parents[1] / "study-file.yaml"), "--storage", str(run.path.parent)]


def contents(run: RunFolder) -> dict[Path, Any]:
    return {file: file.read_bytes() for file in run.path.rglob("*") if file.is_file()}


@pytest.mark.parametrize("sets", [[], ["--set", "retention.states=last"]])
@pytest.mark.parametrize("command", ["resume", "sweep"])
def test_what_another_machine_may_drive_is_changed_only_by_taking_it_over(
    command: str, sets: list[str], run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(run)
    assert cli.main([*asked(command, run), *sets]) == 2
    said = capsys.readouterr().err
    assert f"process 77 on {HOST} drives this run, and has given no sign of life for 36" in said
    assert "--take-over takes the run over" in said
    assert contents(run) == before
    assert cli.main([*asked(command, run), *sets, "--take-over"]) == 0
    assert read_generation(run.path) == 1
    assert not (run.path / ".driver").exists()
    assert ("states: last" in run.study_file.read_text()) == bool(sets)


@pytest.mark.parametrize("command", ["resume", "sweep"])
def test_a_machine_that_gives_signs_of_life_is_not_taken_over(
    command: str, run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    lease_of_another_machine(run.path, age=5)
    before = contents(run)
    assert cli.main([*asked(command, run), "--set", "retention.states=last", "--take-over"]) == 2
    assert f"--take-over: {run.path}: this run is being driven by process 77 on {HOST}" in capsys.readouterr().err
    assert contents(run) == before
