"""Driving `search.state0`: found once, before the arms, for each search; simulated trials, and the real queue and records."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from benchmarks.support.simulated_trial import SimulatedTrial
from benchmarks.support.simulation import make_study
from models.errors import UserError, WorkFailed
from search.report.dense_start import dense_start_table
from search.report.status import status_json, status_text
from search.run.folder import RunFolder
from search.run.manifest import grown as grown_study
from search.run.manifest import open_run, write_launch
from search.run.results import RunResults, load_results
from search.run.store import TrialStore
from search.study.dense_recipe import DENSE_ARM
from search.study.study import Study
from search.tuning.dense_search import search_dense_recipes
from search.tuning.drive import Drive, Launch
from search.tuning.trial_queue import TrialQueue
from trainables.files.failure import Failure, record_failure
from trainables.files.request import TrialRequest

KEY = "train.state0.lr"
SPACE = {KEY: {"log_uniform": [3.0e-4, 1.0e-2]}, "train.lr": {"log_uniform": [1.0e-4, 1.0e-2]}}
SEARCH: dict[str, Any] = {"trials_per_arm": 2, "state0": {"trials": 3}}


class NoRay:
    @contextmanager
    def lent(self) -> Iterator[None]:
        yield


@dataclass
class Driven:
    """Runs a study's trials one after another; leaves after `trials` of them. `launches` is how it was asked to."""

    trials: int = 1000
    failure: str | None = None
    diverges: int | None = None
    """The seed whose trials do."""
    launches: list[Launch] = field(default_factory=list)

    def __call__(self, study: Study, run: RunFolder, launch: Launch) -> Drive:
        self.launches.append(launch)
        queue = TrialQueue(study, TrialStore(run), retry_failed=launch.retry_failed)
        while not isinstance(trial := queue.next(), str):
            if self.trials == 0:
                return Drive(load_results(run.path), "SIGINT", True)
            self.trials -= 1
            running = SimulatedTrial(trial.folder, outcome=self._outcome)
            if self.failure is not None:
                record_failure(trial.folder, running.request, Failure("error", self.failure), generation=0)
            while self.failure is None and not running.done:
                running.step()
            queue.give_back(trial.id)
        return Drive(load_results(run.path), None, False)

    def _outcome(self, request: TrialRequest, epochs: int) -> str | None:
        return "diverged" if request.identity.seed == self.diverges else None


def begun(folder: Path, **search: Any) -> tuple[Study, RunFolder]:
    folder.mkdir(exist_ok=True)
    study = make_study(folder, space=SPACE, search={**SEARCH, **search})
    return study, open_run(folder / "runs", study)


def sought(study: Study, run: RunFolder, drive: Driven, launch: Launch | None = None) -> Study | Drive:
    found = search_dense_recipes(study, run, launch or Launch(), NoRay(), drive)  # type: ignore[arg-type]
    return found.left or found.study


def dense(results: RunResults) -> RunResults:
    (found,) = results.dense
    return found


def test_every_arm_begins_with_the_best_of_what_was_tried(tmp_path: Path) -> None:
    study, run = begun(tmp_path)
    found = sought(study, run, Driven())
    assert isinstance(found, Study)
    trials = dense(load_results(run.path)).trials
    best = max(trials, key=lambda trial: trial.val_accuracy or 0.0)
    assert len(trials) == 3
    assert {arm.config().train.state0.lr for arm in found.arms.values()} == {best.values["train.state0.lr"]}
    assert load_results(run.path).study.arms == found.arms


def test_what_was_found_is_not_sought_again(tmp_path: Path) -> None:
    study, run = begun(tmp_path)
    sought(study, run, Driven())
    again, drive = load_results(run.path).study, Driven()
    assert sought(again, run, drive) is again
    assert drive.launches == []


def test_a_search_that_was_left_goes_on_where_it_was(tmp_path: Path) -> None:
    study, run = begun(tmp_path)
    left = sought(study, run, Driven(trials=1))
    assert isinstance(left, Drive)
    assert (left.left, left.interrupted) == ("SIGINT", True)
    assert load_results(run.path).study.dense_recipes == ()
    assert status_text(load_results(run.path)).startswith("search.state0: 2 trials to go before the arms (state0/)")
    whole, whole_run = begun(tmp_path / "whole")
    assert isinstance(found := sought(study, run, Driven()), Study)
    assert isinstance(expected := sought(whole, whole_run, Driven()), Study)
    assert found.dense_recipes == expected.dense_recipes


def test_trials_to_go_are_counted_with_those_of_state_0(tmp_path: Path) -> None:
    study, run = begun(tmp_path)
    assert load_results(run.path).outstanding == 3 + 2 * 2
    assert status_text(load_results(run.path)).startswith("search.state0: the dense recipe is sought first")
    sought(study, run, Driven())
    results = load_results(run.path)
    assert results.outstanding == 2 * 2
    told = json.loads(json.dumps(status_json(results)))["state0"]
    assert [(one["trials"], one["complete"], one["found"]["values"]) for one in told] == [
        (3, True, results.study.dense_recipes[0])
    ]


def test_each_of_several_searches_finds_its_own(tmp_path: Path) -> None:
    study, run = begun(tmp_path, replicates=2, confirm={"seeds": [101]})
    found = sought(study, run, Driven())
    assert isinstance(found, Study)
    assert sorted(one.name for one in run.path.glob(f"{DENSE_ARM}*")) == ["state0", "state0.r1"]
    assert len(load_results(run.path).dense) == 2
    assert len(found.dense_recipes) == 2
    assert found.dense_recipes[0] != found.dense_recipes[1]


def test_the_dense_networks_go_where_the_arms_find_them_and_time_is_one_budget(tmp_path: Path) -> None:
    study, run = begun(tmp_path)
    drive = Driven()
    sought(study.with_resources(time_budget=3600.0), run, drive)
    (launch,) = drive.launches
    assert launch.stages == run.own_stages
    assert 3590 < (launch.time_budget or 0) <= 3600


def test_where_nothing_was_found_the_arms_do_not_begin(tmp_path: Path) -> None:
    study, run = begun(tmp_path)
    with pytest.raises(
        WorkFailed, match=r"none of 3 recipes of state 0 finished on every seed.*3 failed.*--retry-failed"
    ):
        sought(study, run, Driven(failure="no memory"))
    assert "none of 3 trials finished" in status_text(load_results(run.path))
    again = Driven(failure="no memory still")
    with pytest.raises(WorkFailed):
        sought(study, run, again, Launch(retry_failed=True))
    assert again.trials == Driven().trials - 3


def test_what_diverged_is_not_said_to_be_mended_by_trying_again(tmp_path: Path) -> None:
    study, run = begun(tmp_path, state0={"trials": 2}, seeds=[1, 2])
    said = r"none of 2 recipes .* \(trials: 2 finished, 2 diverged\).*another space\.train\.state0"
    with pytest.raises(WorkFailed, match=said) as told:
        sought(study, run, Driven(diverges=2))
    assert "--retry-failed" not in str(told.value)


def with_arms_begun(study: Study, run: RunFolder) -> None:
    found = sought(study, run, Driven())
    assert isinstance(found, Study)
    write_launch(run, 1, {}, {}, ["prunetune"], found)
    Driven()(found, run, Launch())


@pytest.mark.parametrize("searches", [1, 2])
def test_a_run_goes_on_with_its_recipe_where_the_search_of_it_is_removed(tmp_path: Path, searches: int) -> None:
    study, run = begun(tmp_path, replicates=searches, confirm={"seeds": [101]})
    with_arms_begun(study, run)
    before = load_results(run.path)
    shutil.rmtree(run.dense_run(0).path)
    after = load_results(run.path)
    assert after.study.dense_recipes == before.study.dense_recipes
    assert after.study.arms == before.study.arms
    assert after.complete
    text = status_text(after)
    assert "every arm begins with train.state0.lr" in text
    assert "the search that found it is not there any more" in text
    assert len(status_json(after)["state0"]) == searches - 1
    drive = Driven()
    assert isinstance(sought(after.study, run, drive), Study)
    assert drive.launches == []


def test_a_run_goes_on_with_its_recipe_where_the_search_of_it_is_grown(tmp_path: Path) -> None:
    study, run = begun(tmp_path)
    with_arms_begun(study, run)
    before = load_results(run.path)
    grown = grown_study(run.dense_run(0), dense(before).study, trials_per_arm=40)
    Driven(trials=30)(grown, run.dense_run(0), Launch())
    after = load_results(run.path)
    better = dense(after).best_of_arm(DENSE_ARM)
    assert better is not None
    assert [better.values] != list(before.study.dense_recipes), "nothing better was found: the test shows nothing"
    assert after.study.arms == before.study.arms
    assert after.complete
    assert status_json(after)["state0"][0]["found"] == status_json(before)["state0"][0]["found"]
    table = dense_start_table(after)
    assert table is not None
    assert [row[0] for row in table.rows if row[-1]] == [row[0] for row in dense_start_table(before).rows if row[-1]]


def test_another_study_does_not_take_the_place_of_one_whose_state_0_is_being_searched(tmp_path: Path) -> None:
    study, run = begun(tmp_path)
    sought(study, run, Driven(trials=1))
    before = run.study_file.read_text()
    with pytest.raises(UserError, match=r"holds a run of another study: search\.state0\.trials was 3, is now 4"):
        begun(tmp_path, state0={"trials": 4})
    assert run.study_file.read_text() == before


def test_over_several_seeds_the_figure_told_is_the_mean_that_chose(tmp_path: Path) -> None:
    study, run = begun(tmp_path, seeds=[3, 4])
    found = sought(study, run, Driven())
    assert isinstance(found, Study)
    (told,) = status_json(load_results(run.path))["state0"]
    trials = [one for one in dense(load_results(run.path)).trials if one.values == found.dense_recipes[0]]
    accuracies = [one.val_accuracy or 0.0 for one in trials]
    assert len(accuracies) == 2
    assert told["found"]["val_accuracy"] == pytest.approx(sum(accuracies) / 2)
    assert ", mean of 2 seeds" in status_text(load_results(run.path)).splitlines()[0]
