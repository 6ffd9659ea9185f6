"""What is kept between proposals changes none of them, is changed by none, and does not outlive what it was made of."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState

from benchmarks.support.simulation import Simulation, make_study
from search.study.study import Study
from search.tuning.configurations import Configuration, configurations_of_arm
from search.tuning.proposals.optuna_studies import DIRECTIONS, propose
from search.tuning.proposals.samplers import ask_of, make_sampler
from search.tuning.proposals.told import Told, ToldTrial, told_trial

SPACE = {
    "train.lr": {"log_uniform": [1.0e-4, 1.0e-2]},
    "train.optimizer": {"choice": ["adamw", "sgd"]},
    "train.momentum": {"uniform": [0.5, 0.99], "when": {"train.optimizer": "sgd"}},
}
TWO = {"objective": ["val_accuracy", "macs"], "constraints": "macs <= 0.5"}


def finished(folder: Path, **search: Any) -> tuple[Study, tuple[Configuration, ...]]:
    study = make_study(folder, space=SPACE, search=search, arms=None)
    store = Simulation(study, folder / "runs", workers=2).go().store
    return study, configurations_of_arm(store, "trial", 1)


def as_optuna_would(study: Study, past: tuple[Configuration, ...], number: int) -> dict[str, Any]:
    """The proposal of an Optuna study that was given plain trials, each copied, as it does."""
    sampler = make_sampler(ask_of(study, "trial", number))
    made = optuna.create_study(
        directions=[DIRECTIONS[one.direction] for one in study.search.objective], sampler=sampler
    )
    for one in past:
        plain = copy.copy(told_trial(study, one))
        plain.__class__ = FrozenTrial
        made.add_trial(copy.deepcopy(plain))
    return study.space.suggest(made.ask(), "trial")


@pytest.mark.parametrize(
    ("algorithm", "objectives"), [("tpe", {}), ("tpe", TWO), ("nsga2", {}), ("nsga2", TWO), ("cmaes", {})]
)
def test_proposals_are_those_of_a_study_that_copies_everything(
    algorithm: str, objectives: dict[str, Any], tmp_path: Path
) -> None:
    study, past = finished(tmp_path, algorithm=algorithm, trials_per_arm=14, **objectives)
    kept = Told()
    for number in (11, 12, 13):
        expected = as_optuna_would(study, past[:number], number)
        assert propose(study, "trial", number, past[:number], told=kept).values == expected
        assert propose(study, "trial", number, past[:number]).values == expected
    for one in past[:13]:
        there, fresh = kept.trial(study, one), told_trial(study, one)
        for part in ("params", "distributions", "system_attrs", "user_attrs", "intermediate_values", "values", "state"):
            assert getattr(there, part) == getattr(fresh, part), "Optuna changed what it was given"


def test_each_is_worked_out_once_until_more_is_known_of_it(tmp_path: Path) -> None:
    study = make_study(tmp_path, arms=None, space=SPACE)
    simulation, kept = Simulation(study, tmp_path / "runs", workers=1).go(3), Told()

    def first() -> ToldTrial:
        return kept.trial(study, configurations_of_arm(simulation.store, "trial", 1)[0])

    running = first()
    assert running.state == TrialState.RUNNING
    assert first() is running
    simulation.go(1)
    further = first()
    assert len(further.intermediate_values) == len(running.intermediate_values) + 1
    simulation.go()
    assert first().state == TrialState.COMPLETE
    assert first() is first()


def test_a_copy_is_a_trial_of_its_own_number(tmp_path: Path) -> None:
    study, past = finished(tmp_path, algorithm="random", trials_per_arm=2)
    told = told_trial(study, past[0])
    other = copy.deepcopy(told)
    other.number = 7
    assert (told.number, other.number) != (7, 7)
    assert other.params is told.params
