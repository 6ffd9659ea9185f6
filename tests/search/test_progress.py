"""What a study shows: a line per event without a terminal, a table with one, and never test accuracy."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from search.progress import Progress
from tests.search.simulation import SimulatedTrial, Simulation, make_study


def console(terminal: bool) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=140)


def said(shown: Console) -> str:
    assert isinstance(shown.file, io.StringIO)
    return shown.file.getvalue()


def watched(tmp_path: Path, shown: Console) -> Progress:
    """One whole trial, each of its epochs told."""
    simulation = Simulation(make_study(tmp_path, search={"trials_per_arm": 2}), tmp_path / "runs")
    progress = Progress(simulation.study, simulation.ledger, shown)
    trial = simulation.handout.next()
    assert not isinstance(trial, str)
    progress.started(trial)
    running = SimulatedTrial(trial.folder)
    while not running.done:
        progress.epoch({"id": trial.id, **running.step()})
    progress.left(simulation.handout.take_back(trial.id, crashed=False))
    return progress


def test_each_state_and_the_end_are_a_line(tmp_path: Path) -> None:
    shown = console(terminal=False)
    watched(tmp_path, shown)
    lines = said(shown).splitlines()
    assert len(lines) == 6
    assert "refill-000: state 2 of 4, val" in lines[2]
    assert "removed 40.0 %" in lines[2]
    assert lines[-1].endswith("[1 of 4]")
    assert "finished" in lines[-1]
    assert "0.1234" not in said(shown)


def test_the_table_names_the_running_and_the_best(tmp_path: Path) -> None:
    shown = console(terminal=True)
    progress = watched(tmp_path, shown)
    table = console(terminal=False)
    table.print(progress.table())
    text = said(table)
    assert "1 of 4 trials" in text
    assert "best so far: refill-000" in text
    assert "no trial finished yet" in text
    assert "0.1234" not in text + said(shown)


def test_warnings_of_a_trial_are_passed_on(tmp_path: Path) -> None:
    shown = console(terminal=False)
    progress = watched(tmp_path, shown)
    progress.epoch({"id": "refill-001", "warnings": ["its checkpoint was damaged"]})
    assert "refill-001: its checkpoint was damaged" in said(shown)
