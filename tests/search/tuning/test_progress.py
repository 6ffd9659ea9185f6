"""What a study shows: a line per event without a terminal, a table with one, and never test accuracy."""

from __future__ import annotations

import io
import re
import time
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.support.simulated_trial import SimulatedTrial, shows_test_accuracy
from benchmarks.support.simulation import Simulation, make_study
from search.tuning.progress import PACE, Progress


def console(terminal: bool) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=140)


def said(shown: Console) -> str:
    assert isinstance(shown.file, io.StringIO)
    return shown.file.getvalue()


def watched(tmp_path: Path, shown: Console) -> Progress:
    """One whole trial, each of its epochs told."""
    simulation = Simulation(make_study(tmp_path, search={"trials_per_arm": 2}), tmp_path / "runs")
    progress = Progress(simulation.study, simulation.store, shown)
    trial = simulation.queue.next()
    assert not isinstance(trial, str)
    progress.started(trial)
    running = SimulatedTrial(trial.folder)
    while not running.done:
        progress.epoch({"id": trial.id, **running.step()})
    progress.left(simulation.queue.give_back(trial.id))
    return progress


def test_each_state_and_the_end_are_a_line(tmp_path: Path) -> None:
    shown = console(terminal=False)
    watched(tmp_path, shown)
    lines = said(shown).splitlines()
    assert len(lines) == 6
    assert "refill-000: state 2 of 4, val" in lines[2]
    assert re.search(r"removed 40\.0 % \(\d+\.\d % of all\)", lines[2])
    assert lines[-1].endswith("[1 of 4]")
    assert "finished" in lines[-1]
    assert not shows_test_accuracy(said(shown))


def test_the_table_names_the_running_and_the_best(tmp_path: Path) -> None:
    shown = console(terminal=True)
    progress = watched(tmp_path, shown)
    table = console(terminal=False)
    table.print(progress.table())
    text = said(table)
    assert "1 of 4 trials" in text
    assert "best so far: refill-000" in text
    assert "no trial finished yet" in text
    assert re.search(r"80\.0 % \(\d+\.\d % of all\)", text), "what was removed of the target, and of everything"
    assert not shows_test_accuracy(text + said(shown))


def test_the_table_counts_confirming_trials_apart(tmp_path: Path) -> None:
    study = make_study(tmp_path, search={"trials_per_arm": 2, "confirm": {"seeds": [101, 102]}})
    simulation = Simulation(study, tmp_path / "runs")
    text = drawn(Progress(study, simulation.go().store, console(terminal=True)))
    assert "12 of 12 trials" in text
    assert "2 of 2 trials, 4 of 4 confirmed" in text


def test_warnings_of_a_trial_are_passed_on(tmp_path: Path) -> None:
    shown = console(terminal=False)
    progress = watched(tmp_path, shown)
    progress.epoch({"id": "refill-001", "warnings": ["its checkpoint was damaged"]})
    assert "refill-001: its checkpoint was damaged" in said(shown)
    for trial in ("refill-001", "refill-002"):
        progress.epoch({"id": trial, "warnings": ["small validation set: 200 images", "its checkpoint was damaged"]})
    assert said(shown).count("small validation set") == 1  # all trials have the same
    assert "refill-002: its checkpoint was damaged" in said(shown)


def test_start_up_says_what_it_is_doing_and_for_how_long(tmp_path: Path) -> None:
    simulation = Simulation(make_study(tmp_path, search={"trials_per_arm": 2}), tmp_path / "runs")
    plain = console(terminal=False)
    Progress(simulation.study, simulation.store, plain).stage("starting Ray")
    assert said(plain).endswith("starting Ray\n")
    progress = Progress(simulation.study, simulation.store, console(terminal=True))
    progress.stage("loading the trials' processes")
    trial = simulation.queue.next()
    assert not isinstance(trial, str)
    progress.started(trial)
    assert re.search(r"loading the trials' processes \.\.\. \d+ s", drawn(progress))
    assert re.search(r"refill-000\W+loading", drawn(progress))
    progress.epoch({"id": trial.id, **SimulatedTrial(trial.folder).step()})
    assert "loading" not in drawn(progress)
    assert re.search(r"refill-000\W+0 of 4", drawn(progress))


def test_a_checkpoint_within_an_epoch_is_shown_and_counts_for_no_epoch(tmp_path: Path) -> None:
    simulation = Simulation(make_study(tmp_path, search={"trials_per_arm": 2}), tmp_path / "runs")
    progress = Progress(simulation.study, simulation.store, console(terminal=True))
    trial = simulation.queue.next()
    assert not isinstance(trial, str)
    progress.started(trial)
    progress.stage("loading the trials' processes")
    within = {"id": trial.id, "state": 0, "epoch": 1, "steps_done": 1, "steps": 3, "state_ended": False}
    for _ in range(2 * PACE):
        progress.epoch(within)
    assert re.search(r"refill-000\W+0 of 4, 33 % of epoch 1", drawn(progress))
    assert "loading" not in drawn(progress)
    assert progress.remaining(time.monotonic()) is None
    progress.epoch({"id": trial.id, **SimulatedTrial(trial.folder).step()})
    assert "of epoch" not in drawn(progress)


def test_the_end_is_foretold_from_the_pace_of_epochs_not_of_starting_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000.0]
    monkeypatch.setattr("search.tuning.progress.time.monotonic", lambda: clock[0])
    simulation = Simulation(make_study(tmp_path, search={"trials_per_arm": 2}), tmp_path / "runs")
    progress = Progress(simulation.study, simulation.store, console(terminal=True))
    trial = simulation.queue.next()
    assert not isinstance(trial, str)
    progress.started(trial)
    running = SimulatedTrial(trial.folder)
    clock[0] += 600
    for _ in range(PACE):
        assert progress.remaining(clock[0]) is None
        progress.epoch({"id": trial.id, **running.step()})
        clock[0] += 2
    # Four epochs in 10 s, counted from the end of the first; three trials of five epochs are still to come.
    assert progress.remaining(clock[0]) == pytest.approx(10 / 4 * 15)


def drawn(progress: Progress) -> str:
    shown = console(terminal=False)
    shown.print(progress.table())
    return said(shown)
