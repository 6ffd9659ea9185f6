"""What a run holds, dead or alive: which trial is the best, and that reading it stays light."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.support.simulation import Simulation, make_study
from search.run import trials
from search.run.best import best_trial
from search.run.folder import RunFolder
from search.run.results import RunResults, load_results
from tests.fresh_process import loaded
from trainables.files.request import TrialRequest, read_request

CONTROL = {"refill": {"prune.method": "refill"}, "dense": {"prune.method": "dense"}}
LR = {"train.lr": {"log_uniform": [1e-4, 1e-2]}}


def half_way(tmp_path: Path) -> RunResults:
    return load_results(Simulation(make_study(tmp_path), tmp_path / "runs").go(12).run.path)


def test_a_run_that_nobody_drives_has_interrupted_and_never_running_trials(tmp_path: Path) -> None:
    results = half_way(tmp_path)
    assert {trial.status for trial in results.trials} == {"finished", "interrupted"}
    assert not results.complete
    with Simulation(make_study(tmp_path), tmp_path / "runs").run.driven():
        driven = load_results(results.run)
    assert {trial.status for trial in driven.trials} == {"finished", "running"}


def test_a_control_is_never_the_best_while_an_arm_competes(tmp_path: Path) -> None:
    def outcome(request: TrialRequest, epochs: int) -> str | None:
        return "diverged" if request.identity.arm == "refill" and request.identity.number else None

    study = make_study(tmp_path, arms=CONTROL, space=LR)
    results = load_results(Simulation(study, tmp_path / "runs", outcome=outcome).go().run.path)
    best = results.best_of_run()
    assert best is not None
    assert best.id == "refill-000"
    overall, dense = best_trial(results.trials, study.search), results.best_of_arm("dense")
    assert overall is not None
    assert dense is not None
    assert dense.val_accuracy is not None
    assert overall.val_accuracy is not None


def test_unfinished_trials_are_never_the_best(tmp_path: Path) -> None:
    results = half_way(tmp_path)
    for arm in results.study.arms:
        best = results.best_of_arm(arm)
        assert best is not None
        assert best.status == "finished"
        stopped = tuple(replace(trial, status="stopped") for trial in results.of_arm(arm))
        assert best_trial(stopped, results.study.search) is None


def test_the_best_keeps_to_the_constraints_and_references_need_not(tmp_path: Path) -> None:
    study = make_study(tmp_path, arms=CONTROL, space=LR, search={"constraints": "macs <= 0.1", "trials_per_arm": 2})
    results = load_results(Simulation(study, tmp_path / "runs").go().run.path)
    assert results.best_of_arm("refill") is None
    assert results.best_of_arm("dense") is not None


def test_several_seeds_are_judged_by_their_mean_and_only_when_all_have_finished(tmp_path: Path) -> None:
    study = make_study(tmp_path, search={"trials_per_arm": 3, "seeds": [1, 2], "algorithm": "random"})
    results = load_results(Simulation(study, tmp_path / "runs").go().run.path)
    best = results.best_of_arm("refill")
    assert best is not None
    assert best.identity.seed == 1
    without = [trial for trial in results.of_arm("refill") if trial.id != best.id.replace("-s1", "-s2")]
    other = best_trial(without, study.search)
    assert other is not None
    assert other.identity.number != best.identity.number


def test_a_trial_that_its_driver_sets_aside_meanwhile_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between listing the trials and reading one, and between reading its two files."""
    whole = half_way(tmp_path)
    run, gone = RunFolder(whole.run), whole.trials[0].id
    listed = RunFolder.trial_ids

    def listed_and_moved(folder: RunFolder) -> tuple[str, ...]:
        found = listed(folder)
        (run.path / "superseded").mkdir()
        run.trial_folder(gone).rename(run.path / "superseded" / gone)
        return found

    monkeypatch.setattr(RunFolder, "trial_ids", listed_and_moved)
    assert [trial.id for trial in load_results(run.path).trials] == [
        trial.id for trial in whole.trials if trial.id != gone
    ]


def test_a_trial_that_is_gone_before_its_second_file_is_read_is_no_half_a_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = half_way(tmp_path).trials[0].folder

    def read_and_move(place: Path) -> TrialRequest | None:
        found = read_request(place)
        place.rename(place.with_name("aside"))
        return found

    monkeypatch.setattr(trials, "read_request", read_and_move)
    with pytest.raises(trials.TrialGone):
        trials.read_trial(folder, "running")


def test_reading_results_loads_neither_ray_nor_torch() -> None:
    assert loaded("import search.run.results", "ray", "torch", "optuna") == []
