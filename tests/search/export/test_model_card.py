"""What a card says of the dense network that it compares with."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.export.model_card import head_start_text
from search.run.candidates import Candidate
from search.run.results import RunResults, load_results
from tests.search.made_runs import MadeRun, falling


@pytest.fixture
def results(tmp_path: Path) -> RunResults:
    made = MadeRun(tmp_path / "run", arms={"rsst": {"prune.method": "rsst"}, "dense": {"prune.method": "dense"}})
    made.add("rsst", falling(0.9), seed=101, confirm=True)
    for seed, last in ((101, 0.96), (102, 0.98)):
        made.add("dense", [0.95, 0.95, 0.95, last], removed=(0.0,) * 4, seed=seed, confirm=True)
    return load_results(made.path)


def test_a_state_0_of_fewer_epochs_is_said_to_be_one_beside_a_dense_network_of_equal_epochs(
    results: RunResults,
) -> None:
    trial = results.confirmed("rsst")[0]
    said = head_start_text(results, Candidate(trial, trial.last))
    assert said is not None
    assert "state 0, trained for 2 epochs where this network was trained for 8" in said
    assert "with nothing removed, arm `dense` has 97.00 % validation (mean of 2 trials)." in said


def test_state_0_itself_is_compared_with_nothing_trained_for_longer(results: RunResults) -> None:
    trial = results.confirmed("rsst")[0]
    assert head_start_text(results, Candidate(trial, trial.states[0])) is None


def test_a_run_without_a_dense_arm_says_that_it_has_none(tmp_path: Path) -> None:
    made = MadeRun(tmp_path / "run")
    made.add("rsst", falling(0.9))
    results = load_results(made.path)
    trial = results.trials[0]
    said = head_start_text(results, Candidate(trial, trial.last))
    assert said is not None
    assert said.endswith("No arm of the run was trained for as long with nothing removed.")
