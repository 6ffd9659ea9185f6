"""How a run stands, as `status` says it, dead or alive; and that saying it stays light."""

from __future__ import annotations

import json
import os
from pathlib import Path

from benchmarks.support.simulated_trial import shows_test_accuracy
from benchmarks.support.simulation import Simulation, make_study
from search.report.status import status_json, status_text
from search.run.results import RunResults, load_results
from tests.fresh_process import loaded
from tests.search.run.driving.others import hold_lock, lease_of_another_machine

HEAVY = ("ray", "torch", "optuna", "matplotlib", "jinja2")


def half_way(tmp_path: Path) -> RunResults:
    return load_results(Simulation(make_study(tmp_path), tmp_path / "runs").go(12).run.path)


def test_a_run_that_nobody_drives_is_told_how_to_go_on(tmp_path: Path) -> None:
    results = half_way(tmp_path)
    assert f"prunetune resume {results.run}" in status_text(results)
    with Simulation(make_study(tmp_path), tmp_path / "runs").run.driven():
        driven = status_text(load_results(results.run))
    assert f"driven by process {os.getpid()}" in driven
    assert "resume" not in driven


def test_a_run_being_driven_is_never_said_to_need_a_resume_before_its_first_trial_begins(tmp_path: Path) -> None:
    run = Simulation(make_study(tmp_path), tmp_path / "runs").run
    with run.driven():
        assert "0 running, driven by process" in status_text(load_results(run.path))
    assert "nobody drives it" in status_text(load_results(run.path))


def test_a_driver_on_another_machine_is_told_with_its_last_sign_of_life(tmp_path: Path) -> None:
    run = half_way(tmp_path).run
    lease_of_another_machine(run, age=20)
    held = hold_lock(run)
    results = load_results(run)
    assert "driven by process 77 on node2 (last sign of life 2" in status_text(results)
    assert {trial.status for trial in results.trials} == {"finished", "running"}
    before = {file: file.read_bytes() for file in run.iterdir() if file.is_file()}
    lease_of_another_machine(run, age=3600)
    results = load_results(run)
    assert results.driver is None
    said = status_text(results).splitlines()[-1]
    assert "process 77 on node2 drives this run, and has given no sign of life for 36" in said
    assert said.endswith(f"prunetune resume {run} --take-over")
    assert {trial.status for trial in results.trials} == {"finished", "interrupted"}
    os.close(held)
    assert "nobody drives it" in status_text(load_results(run))
    assert {file: file.read_bytes() for file in run.iterdir() if file.is_file()} == before


def test_status_json_has_every_field_and_no_test_accuracy(tmp_path: Path) -> None:
    results = half_way(tmp_path)
    status = status_json(results)
    assert set(status) == {"run", "complete", "state0", "trials", "best", "arms", "training", "warnings"}
    identity = {"id", "arm", "phase", "number", "seed", "replicate", "recipe", "source"}
    assert set(status["trials"][0]) == identity | {"status", "config", "metrics"}
    assert set(status["best"]) == {"id", "arm", "state", "val_accuracy", "settings"}
    assert status["arms"]["rsst"] == {"n": 2, "n_stopped": 0, "best": status_json(results)["arms"]["rsst"]["best"]}
    text = json.dumps(status) + status_text(results)
    assert "test_accuracy" not in text
    assert not shows_test_accuracy(text)


def test_saying_how_a_run_stands_loads_nothing_heavy() -> None:
    assert loaded("import search.commands.status", *HEAVY) == []
