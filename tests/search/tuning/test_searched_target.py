"""Which kinds of units go can be searched: words and lists of kinds side by side, from the study file to the report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from benchmarks.support.simulation import BASE, Simulation, make_study
from models.units.structure import kinds_of
from search.report.write import write_report
from search.run.results import load_results
from search.run.trials import RecordedTrial
from search.tuning.configurations import configurations_of_arm
from search.tuning.proposals.optuna_log import write_optuna_log
from search.tuning.proposals.optuna_studies import propose
from trainables.config.trial import TrialConfig

TARGETS = ["both", ["head", "neuron", "embed"]]
LABELS = ('"both"', '["head", "neuron", "embed"]')
SEARCH: dict[str, Any] = {
    "algorithm": "tpe",
    "trials_per_arm": 8,
    "objective": {"metric": "val_accuracy", "at": 50},
    "confirm": {"seeds": [11, 12]},
}


@pytest.fixture(scope="module")
def simulation(tmp_path_factory: pytest.TempPathFactory) -> Simulation:
    folder = tmp_path_factory.mktemp("searched target")
    space = {"prune.target": {"choice": TARGETS}, "train.lr": BASE["space"]["train.lr"]}
    return Simulation(make_study(folder, space=space, search=SEARCH), folder / "runs", workers=1).go()


def test_both_ways_to_write_one_are_tried_and_run(simulation: Simulation) -> None:
    for trial in simulation.store:
        config = TrialConfig.model_validate(trial.config)
        assert trial.values["prune.target"] in TARGETS
        assert kinds_of(config.prune.target) == kinds_of(_target(trial))
    searched = [trial for trial in simulation.store if trial.identity.phase == "search"]
    assert all(any(trial.values["prune.target"] == one for trial in searched) for one in TARGETS)


def test_the_searcher_is_told_of_them_by_name(simulation: Simulation) -> None:
    write_optuna_log(simulation.study, simulation.store)
    storage = JournalStorage(JournalFileBackend(str(simulation.run.optuna_log)))
    told = optuna.load_study(study_name="simulated/rsst", storage=storage).trials
    assert [trial.distributions["prune.target"] for trial in told] == [CategoricalDistribution(LABELS)] * 8
    values = [one.values["prune.target"] for one in configurations_of_arm(simulation.store, "rsst", 1)]
    assert [trial.params["prune.target"] for trial in told] == [LABELS[TARGETS.index(value)] for value in values]


def test_the_same_is_proposed_again(simulation: Simulation) -> None:
    past = configurations_of_arm(simulation.store, "rsst", 1)
    assert [propose(simulation.study, "rsst", one.number, past[: one.number]).values for one in past] == [
        one.values for one in past
    ]


def test_the_report_shows_them(simulation: Simulation, tmp_path: Path) -> None:
    names = write_report(load_results(simulation.run.path), tmp_path)
    assert {"index.html", "settings.svg", "trials.csv"} <= set(names)
    assert "['head', 'neuron', 'embed']" in (tmp_path / "trials.csv").read_text(encoding="utf-8")


def _target(trial: RecordedTrial) -> Any:
    value = trial.values["prune.target"]
    return tuple(value) if isinstance(value, list) else value
