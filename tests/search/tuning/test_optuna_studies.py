"""What Optuna is told, read back from `optuna.log`, and that every algorithm keeps its contract."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from benchmarks.support.simulation import BASE, Simulation, make_study
from models.errors import UserError
from search.tuning.configurations import configurations_of_arm
from search.tuning.proposals.optuna_log import write_optuna_log
from search.tuning.proposals.optuna_studies import propose, warm_trials
from search.tuning.proposals.samplers import ask_of, make_sampler
from trainables.files.request import TrialRequest

SEARCHED = {
    "train.lr": {"log_uniform": [1.0e-4, 1.0e-2]},
    "train.optimizer": {"choice": ["adamw", "sgd"]},
    "train.momentum": {"uniform": [0.5, 0.99], "when": {"train.optimizer": "sgd"}},
    "prune.rsst.shrink": {"log_uniform": [1.0e-4, 0.5], "arms": ["rsst"]},
}
ALGORITHMS = ["tpe", "random", "qmc", "nsga2", "gp", "cmaes"]
ONES_OWN = ["optuna.samplers:TPESampler", "optuna.samplers:CmaEsSampler", "optuna.samplers:NSGAIIISampler"]


def mishaps(request: TrialRequest, epochs: int) -> str | None:
    if request.identity.number == 1 and epochs == 3:
        return "diverged"
    return "out of luck" if request.identity.number == 2 and epochs == 1 else None


def read_back(simulation: Simulation, arm: str) -> optuna.Study:
    write_optuna_log(simulation.study, simulation.store)
    storage = JournalStorage(JournalFileBackend(str(simulation.run.optuna_log)))
    return optuna.load_study(study_name=f"{simulation.study.name}/{arm}", storage=storage)


def test_the_journal_says_what_happened(tmp_path: Path) -> None:
    study = make_study(
        tmp_path, scheduler={"kind": "asha", "min_trials": 2}, search={"algorithm": "tpe", "trials_per_arm": 9}
    )
    simulation = Simulation(study, tmp_path / "runs", outcome=mishaps).go()
    journal = read_back(simulation, "rsst")
    assert journal.metric_names == ["val_accuracy"]
    told = journal.trials
    expected = {"finished": TrialState.COMPLETE, "stopped": TrialState.PRUNED}
    trials = [trial for trial in simulation.store if trial.identity.arm == "rsst"]
    assert [trial.number for trial in told] == list(range(9))
    for trial, frozen in zip(sorted(trials, key=lambda one: one.identity.number), told, strict=True):
        assert frozen.user_attrs["trials"] == [trial.id]
        assert frozen.state == expected.get(trial.status, TrialState.FAIL)
        assert trial.record is not None
        assert frozen.intermediate_values == {state.state: state.val_accuracy for state in trial.record.states}
        assert frozen.params["train.lr"] == trial.config["train"]["lr"]
        assert frozen.values == ([trial.val_accuracy] if trial.status == "finished" else None)
    assert {frozen.state for frozen in told} == {TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL}


def test_a_trial_under_way_is_running_and_nothing_is_left_running_at_the_end(tmp_path: Path) -> None:
    simulation = Simulation(make_study(tmp_path), tmp_path / "runs").go(3)
    assert [trial.state for trial in read_back(simulation, "refill").trials] == [TrialState.RUNNING]
    simulation.relaunch()
    simulation.go()
    assert {trial.state for trial in read_back(simulation, "refill").trials} == {TrialState.COMPLETE}


def test_constraints_and_several_objectives_are_told(tmp_path: Path) -> None:
    search = {
        "algorithm": "tpe",
        "trials_per_arm": 3,
        "objective": ["val_accuracy", "macs"],
        "constraints": "macs <= 0.1",
    }
    simulation = Simulation(make_study(tmp_path, search=search), tmp_path / "runs").go()
    study = read_back(simulation, "refill")
    assert [direction.name for direction in study.directions] == ["MAXIMIZE", "MINIMIZE"]
    for frozen in study.trials:
        assert frozen.values[1] == 1000
        assert frozen.constraints == {"macs <= 0.1 of dense": pytest.approx(0.1)}


def test_an_objective_at_a_removal_is_interpolated_and_never_extrapolated(tmp_path: Path) -> None:
    at = {"algorithm": "random", "trials_per_arm": 2, "objective": {"metric": "val_accuracy", "at": 50}}
    simulation = Simulation(make_study(tmp_path, search=at), tmp_path / "runs").go()
    for frozen in read_back(simulation, "refill").trials:
        assert frozen.value == pytest.approx((frozen.intermediate_values[2] + frozen.intermediate_values[3]) / 2)
    beyond = {**at, "objective": {"metric": "val_accuracy", "at": 95}}
    simulation = Simulation(make_study(tmp_path, search=beyond), tmp_path / "beyond").go()
    assert {frozen.state for frozen in read_back(simulation, "refill").trials} == {TrialState.FAIL}


@pytest.mark.parametrize("algorithm", [*ALGORITHMS, *ONES_OWN])
def test_every_algorithm_proposes_within_the_space_and_the_same_again(tmp_path: Path, algorithm: str) -> None:
    count = 5 if algorithm == "gp" else 8
    search = {"algorithm": algorithm, "trials_per_arm": count}
    study = make_study(tmp_path, search=search, space=SEARCHED)
    simulation = Simulation(study, tmp_path / "runs", workers=1).go()
    for arm in study.arms:
        configurations = configurations_of_arm(simulation.store, arm, 1)
        assert len(configurations) == count
        for one in configurations:
            assert study.space.accepts(one.values, arm), one.values
            assert propose(study, arm, one.number, configurations[: one.number]).values == one.values
        assert len({tuple(sorted(one.values.items())) for one in configurations}) == count


@pytest.mark.parametrize("algorithm", ["random", "qmc"])
def test_what_was_tried_before_changes_nothing_where_nothing_is_learned(tmp_path: Path, algorithm: str) -> None:
    study = make_study(tmp_path, space=SEARCHED, search={"algorithm": algorithm, "trials_per_arm": 8})
    simulation = Simulation(study, tmp_path / "runs").go()
    past = configurations_of_arm(simulation.store, "rsst", 1)
    assert propose(study, "rsst", 7, past[:7]) == propose(study, "rsst", 7, ())
    assert propose(study, "rsst", 7, past).values != past[7].values, "no configuration twice"


def test_another_seed_proposes_otherwise(tmp_path: Path) -> None:
    values = [
        propose(make_study(tmp_path, search={"algorithm": "tpe", "seed": seed}), "refill", 0, ()).values
        for seed in (0, 1)
    ]
    assert values[0] != values[1]


def test_a_rebuilt_study_proposes_what_a_living_one_would(tmp_path: Path) -> None:
    study = make_study(tmp_path, search={"algorithm": "tpe", "trials_per_arm": 14}, arms={"refill": {}},
                       space={"train.lr": BASE["space"]["train.lr"]})  # fmt: skip
    simulation = Simulation(study, tmp_path / "runs", workers=1).go()
    trials = sorted(simulation.store, key=lambda one: one.identity.number)
    living = optuna.create_study(direction="maximize")
    for number, trial in enumerate(trials):
        living.sampler = make_sampler(ask_of(study, "refill", number))
        asked = living.ask()
        assert asked.suggest_float("train.lr", 1e-4, 1e-2, log=True) == trial.config["train"]["lr"]
        assert trial.record is not None
        for state in trial.record.states:
            asked.report(state.val_accuracy, state.state)
        living.tell(asked, trial.val_accuracy)


def test_a_grid_runs_every_point_once(tmp_path: Path) -> None:
    space = {"train.lr": {"grid": [0.001, 0.002]}, "train.batch_size": {"grid": [16, 32, 64]}}
    simulation = Simulation(make_study(tmp_path, space=space, search={"algorithm": "grid"}), tmp_path / "runs").go()
    for arm in ("refill", "rsst"):
        points = {
            (trial.config["train"]["lr"], trial.config["train"]["batch_size"])
            for trial in simulation.store
            if trial.identity.arm == arm
        }
        assert points == {(lr, size) for lr in (0.001, 0.002) for size in (16, 32, 64)}


@pytest.mark.parametrize("search", [{"algorithm": "grid"}, {"algorithm": "grid", "trials_per_arm": 3}])
def test_grids_of_unequal_size_are_refused(tmp_path: Path, search: dict[str, Any]) -> None:
    space = {"train.lr": {"grid": [0.001, 0.002]}, "prune.rsst.shrink": {"grid": [0.01, 0.1], "arms": ["rsst"]}}
    with pytest.raises(UserError, match="unequal size"):
        Simulation(make_study(tmp_path, space=space, search=search), tmp_path / "runs")


OWN_AND_SHARED = {
    "prune.rewind": {"grid": ["continue", "init"], "arms": ["refill"]},
    "train.lr": {"grid": [0.001, 0.002, 0.003]},
    "train.optimizer": {"grid": ["adamw", "sgd"], "arms": ["rsst"]},
}


def test_a_shared_grid_gives_every_arm_the_same_shared_point(tmp_path: Path) -> None:
    """Though the arms' own keys come before the shared one in one arm and after it in the other."""
    study = make_study(tmp_path, space=OWN_AND_SHARED, search={"algorithm": "grid", "pairing": "shared"})
    simulation = Simulation(study, tmp_path / "runs").go()
    by_number: dict[int, set[float]] = {}
    for trial in simulation.store:
        by_number.setdefault(trial.identity.number, set()).add(trial.config["train"]["lr"])
    assert [by_number[number] for number in range(6)] == [{0.001}, {0.001}, {0.002}, {0.002}, {0.003}, {0.003}]


def test_a_shared_grid_whose_arms_have_unequal_parts_is_refused_even_where_it_is_cut_short(tmp_path: Path) -> None:
    space = {**OWN_AND_SHARED, "prune.rewind": {"grid": ["continue"], "arms": ["refill"]}}
    with pytest.raises(UserError, match="refill has 1, rsst has 2"):
        make_study(tmp_path, space=space, search={"algorithm": "grid", "pairing": "shared", "trials_per_arm": 3})


def test_a_warm_start_learns_only_what_fits_the_new_space(tmp_path: Path) -> None:
    earlier = Simulation(make_study(tmp_path), tmp_path / "runs", outcome=mishaps).go()
    study = make_study(tmp_path, search={"warm_start": str(earlier.run.path), "trials_per_arm": 2})
    told = warm_trials(study)
    assert {arm: len(trials) for arm, trials in told.items()} == {"refill": 4, "rsst": 4}
    narrower = make_study(
        tmp_path, space={"train.lr": {"log_uniform": [1e-5, 2e-5]}}, search=study.search.model_dump(mode="json")
    )
    assert warm_trials(narrower) == {"refill": [], "rsst": []}
    cold = propose(make_study(tmp_path, search={"trials_per_arm": 2}), "refill", 0, ())
    assert propose(study, "refill", 0, (), told["refill"]).values != cold.values
