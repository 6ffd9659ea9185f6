"""Which state files a policy removes, and that whatever an export could choose is still there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.support.simulation import Simulation, make_study
from models.errors import UserError
from search.commands import pareto as pareto_command
from search.evidence.selection import Budget, choose, passed_over
from search.export.export import parts_of
from search.run.candidates import Candidate, all_candidates, fronts, named_state, pareto
from search.run.results import RunResults, load_results
from search.run.retention import Retention, apply_retention
from search.run.trials import RecordedTrial
from search.study.load import load_study
from tests.search.made_runs import MadeRun, falling
from trainables.files.record import StateEnd


def touch_states(run: Path) -> None:
    for trial in load_results(run).trials:
        for state in trial.states:
            (trial.folder / "states").mkdir(exist_ok=True)
            (trial.folder / str(state.file)).touch()


def kept(results: RunResults) -> set[str]:
    return {one.name for one in all_candidates(results) if one.file}


@pytest.fixture
def made(tmp_path: Path) -> MadeRun:
    made = MadeRun(tmp_path / "run", study={"retention": {"states": "front"}})
    made.add("refill", [0.97, 0.95, 0.80, 0.70])
    made.add("refill", [0.96, 0.90, 0.85, 0.60], number=1)
    made.add("rsst", [0.95, 0.94, 0.93, 0.92])
    touch_states(made.path)
    return made


def retain(run: Path, states: str) -> RunResults:
    results = load_results(run)
    study = replace(results.study, retention=results.study.retention.model_copy(update={"states": states}))
    apply_retention(study, results.trials)
    return load_results(run)


def test_all_removes_nothing(made: MadeRun) -> None:
    assert len(kept(retain(made.path, "all"))) == 12


def test_last_leaves_each_ended_trials_last_state(made: MadeRun) -> None:
    assert kept(retain(made.path, "last")) == {"refill-000:3", "refill-001:3", "rsst-000:3"}


def test_front_leaves_each_arms_front_and_every_last_state(made: MadeRun) -> None:
    found = kept(retain(made.path, "front"))
    of_refill = {"refill-000:0", "refill-000:1", "refill-001:2", "refill-000:3", "refill-001:3"}
    assert found == of_refill | {"rsst-000:0", "rsst-000:1", "rsst-000:2", "rsst-000:3"}


@pytest.mark.parametrize("status", [None, "failed"])
@pytest.mark.parametrize("states", ["front", "last"])
def test_a_trial_that_may_go_on_keeps_everything(made: MadeRun, status: str | None, states: str) -> None:
    made.add("rsst", [0.5, 0.4, 0.3], number=1, status=status)
    touch_states(made.path)
    assert {f"rsst-001:{state}" for state in range(3)} <= kept(retain(made.path, states))


def test_a_stopped_and_a_diverged_trial_keep_their_last_state(made: MadeRun) -> None:
    made.add("rsst", [0.5, 0.4], number=1, status="stopped")
    made.add("rsst", [0.5], number=2, status="diverged")
    touch_states(made.path)
    assert {name for name in kept(retain(made.path, "last")) if name[:8] in ("rsst-001", "rsst-002")} == {
        "rsst-001:1",
        "rsst-002:0",
    }


def test_what_another_trial_takes_its_structure_from_stays(tmp_path: Path) -> None:
    source = tmp_path / "run" / "trials" / "refill-000" / "states" / "01.safetensors"
    scratch = {"prune.method": "scratch", "prune.scratch.file": str(source)}
    made = MadeRun(tmp_path / "run", arms={"refill": {}, "scratch": scratch})
    made.add("refill", falling(0.9))
    touch_states(made.path)
    assert kept(retain(made.path, "last")) == {"refill-000:1", "refill-000:3"}


def test_records_and_predictions_stay(made: MadeRun) -> None:
    folder = made.add("rsst", falling(0.9), number=1, predictions=[True] * 20)
    touch_states(made.path)
    before = (folder / "record.jsonl").read_bytes()
    retain(made.path, "last")
    assert (folder / "record.jsonl").read_bytes() == before
    assert (folder / "states" / "03.predictions.safetensors").exists()


def test_a_superseded_confirm_trial_takes_no_front_with_it(made: MadeRun) -> None:
    """Growing a study may set confirm trials aside; the search trials' own front must still be there then."""
    folder = made.add("rsst", [0.99, 0.99, 0.99, 0.99], seed=101, confirm=True)
    touch_states(made.path)
    retain(made.path, "front")
    folder.rename(made.path / "set-aside")
    results = load_results(made.path)
    assert all(one.file for one in pareto(all_candidates(results), "macs"))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.integers(0, 9), min_size=4, max_size=4), min_size=2, max_size=5), st.integers(0, 2**20))
def test_any_budget_chooses_as_if_everything_had_been_kept(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[int]], seed: int
) -> None:
    path = tmp_path_factory.mktemp("any") / "run"
    made = MadeRun(path)
    rng = np.random.default_rng(seed)
    for number, row in enumerate(rows):
        removed = np.sort(rng.integers(0, 9, size=4) * 10.0).tolist()
        made.add(("refill", "rsst")[number % 2], [value / 10 for value in row], number=number // 2, removed=removed)
    touch_states(path)
    budgets = [Budget(share, count) for share in (None, 0.3, 0.7, 1.0) for count in (None, 100_000, 200_000)][1:]
    arms = (None, "refill", "rsst")

    def chosen(results: RunResults) -> list[object]:
        found: list[object] = []
        for budget in budgets:
            for arm in arms:
                try:
                    one = choose(results, budget, arm)
                    found.append((one.state.val_accuracy, one.state.macs))
                except UserError:
                    found.append(None)
        return found

    def front(results: RunResults) -> list[object]:
        of_arms = [all_candidates(results, arm) for arm in arms]
        fronts_of_run = [pareto(of_arm, cost) for of_arm in of_arms for cost in ("macs", "params")]
        assert all(one.file for group in fronts_of_run for one in group)
        return [[one.name for one in group] for group in fronts_of_run]

    before = load_results(path)
    wanted = chosen(before), front(before)
    after = retain(path, "front")
    assert (chosen(after), front(after)) == wanted
    assert kept(retain(path, "front")) == kept(after)


def test_one_after_another_keeps_what_all_at_once_keeps(tmp_path: Path) -> None:
    rows = np.random.default_rng(4).random((6, 4))
    runs = []
    for name in ("steps", "once", "driven"):
        made = MadeRun(tmp_path / name, study={"retention": {"states": "front"}})
        driven = Retention(load_study(made.path / "study.yaml"))
        for number, row in enumerate(rows):
            made.add("rsst", row.tolist(), number=number)
            states = made.path / "trials" / f"rsst-{number:03d}" / "states"
            states.mkdir()
            for state in range(4):
                (states / f"{state:02d}.safetensors").touch()
            if name == "steps":
                retain(made.path, "front")
            if name == "driven":
                driven.apply(load_results(made.path).trials)
        runs.append(kept(load_results(made.path) if name == "driven" else retain(made.path, "front")))
    assert runs[0] == runs[1] == runs[2]
    assert 6 < len(runs[0]) < 24


def test_a_run_under_way_is_not_looked_through_whole_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = MadeRun(tmp_path / "run", study={"retention": {"states": "front"}})
    for number in range(5):
        made.add("rsst", [0.9 - number / 10] * 4, number=number)
    touch_states(made.path)
    driven, trials = Retention(load_study(made.path / "study.yaml")), load_results(made.path).trials
    driven.apply(trials)
    asked: list[str] = []
    there = Candidate.file.fget
    assert there is not None
    monkeypatch.setattr(Candidate, "file", property(lambda one: asked.append(one.name) or there(one)))
    assert driven.apply(trials) == []
    assert {name.partition(":")[0] for name in asked} == {"rsst-000"}, "the others are on no front"


def test_unstructured_masks_are_on_no_front(tmp_path: Path) -> None:
    made = MadeRun(tmp_path / "run", arms={"imp": {"prune.method": "imp"}, "rsst": {"prune.method": "rsst"}})
    made.add("imp", [0.99] * 4)
    touch_states(made.path)
    assert fronts(all_candidates(load_results(made.path), "imp")) == []
    results = retain(made.path, "front")
    folder = results.trials[0].folder / "states"
    assert sorted(path.name for path in folder.iterdir()) == ["03.safetensors"]


def test_a_driven_study_keeps_to_its_policy_as_trials_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = make_study(tmp_path, retention={"states": "last"})
    simulation = Simulation(study, tmp_path / "runs")
    plain = StateEnd.to_json

    def with_file(end: StateEnd) -> dict[str, object]:
        return {**plain(end), "file": f"states/{end.state:02d}.safetensors"}

    monkeypatch.setattr(StateEnd, "to_json", with_file)
    monkeypatch.setattr(RecordedTrial, "dense_macs", property(lambda trial: 1.0))
    give_back = simulation.queue.give_back

    def with_files(trial_id: str) -> object:
        folder = simulation.run.trial_folder(trial_id)
        (folder / "states").mkdir(exist_ok=True)
        for state in range(5):
            (folder / "states" / f"{state:02d}.safetensors").touch()
        return give_back(trial_id)

    monkeypatch.setattr(simulation.queue, "give_back", with_files)
    simulation.go()
    for trial_id, status in simulation.statuses().items():
        left = sorted(path.name for path in (simulation.run.trial_folder(trial_id) / "states").iterdir())
        assert (status, left) == ("finished", ["04.safetensors"])


def test_export_says_what_was_not_kept(made: MadeRun) -> None:
    results = retain(made.path, "last")
    gone = named_state(results, "refill-000:1")
    with pytest.raises(UserError, match=r"refill-000:1: its network was not kept .*retention.*there is refill-000:3"):
        parts_of(gone)
    with pytest.raises(UserError, match=r"no state meets --max-macs 0.3; the nearest is") as raised:
        choose(results, Budget(max_macs=0.3))
    assert "not kept" not in str(raised.value)
    budget = Budget(max_macs=0.6)
    chosen = choose(results, budget, "refill")
    assert chosen.name == "refill-000:3"
    better = passed_over(results, chosen, budget, "refill")
    assert better is not None
    assert better.name == "refill-001:2"
    assert passed_over(results, chosen, Budget(max_macs=0.41), "refill") is None


def test_a_budget_that_only_removed_networks_meet_says_so(tmp_path: Path) -> None:
    made = MadeRun(tmp_path / "run")
    made.add("rsst", [0.9, 0.8], removed=(60, 20))
    touch_states(made.path)
    results = retain(made.path, "last")
    with pytest.raises(UserError, match=r"rsst-000:0 meets it, but its network was not kept"):
        choose(results, Budget(max_macs=0.5))


def test_the_front_is_listed_with_what_is_left_of_it(made: MadeRun) -> None:
    retain(made.path, "last")
    outcome = pareto_command.command.main([str(made.path)], standalone_mode=False)
    assert [one["file_kept"] for one in outcome.json["front"]] == [True, False, False, False]
    assert outcome.text.count("not kept") == 3
