"""The same request goes on, another one is refused by what changed, and a finished run can grow."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.support.simulation import Simulation, make_study
from models.errors import UserError
from search.run.manifest import grown, open_run
from search.study.load import load_study


def test_the_same_request_again_means_the_same_run(tmp_path: Path) -> None:
    first = open_run(tmp_path / "runs", make_study(tmp_path))
    assert open_run(tmp_path / "runs", make_study(tmp_path)) == first
    assert load_study(first.study_file) == make_study(tmp_path)


def test_another_request_under_the_same_name_is_refused_by_its_change(tmp_path: Path) -> None:
    Simulation(make_study(tmp_path), tmp_path / "runs").go(1)
    other = make_study(tmp_path, scheduler={"kind": "median"})
    with pytest.raises(UserError, match=r"scheduler\.kind was 'none', is now 'median'"):
        open_run(tmp_path / "runs", other)


def test_resources_may_change_whichever_command_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Simulation(make_study(tmp_path), tmp_path / "runs").go(1)
    other = make_study(tmp_path, resources={"max_concurrent": 1})
    run = open_run(tmp_path / "runs", other)
    assert "resources.max_concurrent was None, is now 1" in capsys.readouterr().err
    assert load_study(run.study_file) == other
    again = open_run(tmp_path / "runs", make_study(tmp_path))
    assert load_study(again.study_file) == make_study(tmp_path)


def test_resources_that_are_not_here_are_refused_before_they_are_written(tmp_path: Path) -> None:
    run = Simulation(make_study(tmp_path), tmp_path / "runs").go(1).run
    before = run.study_file.read_text()
    other = make_study(tmp_path, resources={"cpus_per_trial": 4096})
    with pytest.raises(UserError, match="4096 CPUs are asked for a trial"):
        open_run(tmp_path / "runs", other)
    assert run.study_file.read_text() == before
    open_run(tmp_path / "runs", other, other.with_resources(address="head:6379"))
    assert load_study(run.study_file) == other


def test_a_request_found_wrong_before_its_first_trial_may_be_mended(tmp_path: Path) -> None:
    run = open_run(tmp_path / "runs", make_study(tmp_path))
    mended = make_study(tmp_path, scheduler={"kind": "median"})
    assert open_run(tmp_path / "runs", mended) == run
    assert load_study(run.study_file) == mended


def test_a_folder_of_something_else_is_not_taken_over(tmp_path: Path) -> None:
    (tmp_path / "runs" / "simulated").mkdir(parents=True)
    (tmp_path / "runs" / "simulated" / "thesis.tex").write_text("precious")
    with pytest.raises(UserError, match="no run"):
        open_run(tmp_path / "runs", make_study(tmp_path))


def test_another_study_of_the_same_name_is_refused_by_what_changed_counted_beyond_three(tmp_path: Path) -> None:
    Simulation(make_study(tmp_path), tmp_path / "runs").go(1)
    search = {"trials_per_arm": 9, "seed": 9, "seeds": [1, 2], "confirm": {"seeds": [5, 6]}}
    with pytest.raises(
        UserError, match=r"another study: search\.\w+ was .*, is now .*, and \d more; choose another --name"
    ):
        open_run(tmp_path / "runs", make_study(tmp_path, search=search, scheduler={"kind": "median"}))


def test_growing_writes_the_study_and_shrinking_is_refused(tmp_path: Path) -> None:
    study = make_study(tmp_path)
    run = open_run(tmp_path / "runs", study)
    assert grown(run, study, 9).search.trials_per_arm == 9
    assert load_study(run.study_file).search.trials_per_arm == 9
    with pytest.raises(UserError, match="at least that, found 2"):
        grown(run, study, 2)
