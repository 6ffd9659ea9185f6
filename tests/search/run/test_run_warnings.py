"""A run's warnings: one line for each arm and subject, with the first figures and how many trials have it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from benchmarks.support.simulation import Simulation, make_study
from search.run.results import load_results
from search.run.trials import RecordedTrial
from search.run.warnings import run_warnings, warnings_of


def told(trial: RecordedTrial, header: list[str], states: dict[int, list[str]]) -> RecordedTrial:
    record = trial.record
    assert record is not None
    ends = [replace(end, warnings=states.get(end.state, [])) for end in record.states]
    return replace(trial, record=replace(record, header={**record.header, "warnings": header}, states=ends))


def test_each_subject_is_said_once_for_an_arm_with_the_first_trials_figures(tmp_path: Path) -> None:
    simulation = Simulation(make_study(tmp_path, search={"trials_per_arm": 2}), tmp_path).go()
    results = load_results(simulation.run.path)
    first, second = results.of_arm("rsst")
    assert warnings_of(first) == []
    trials = [
        told(first, ["gradient coupling: with adamw"], {2: ["the penalty did not act: 0.9 is left"]}),
        told(second, [], {1: ["the penalty did not act: 0.8 is left"]}),
        *results.of_arm("refill"),
    ]
    assert [warning.line() for warning in run_warnings(trials)] == [
        "rsst: gradient coupling: with adamw (rsst-000)",
        "rsst: state 2: the penalty did not act: 0.9 is left (rsst-000 and 1 more trial)",
    ]
