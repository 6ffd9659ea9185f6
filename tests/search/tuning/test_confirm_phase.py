"""Confirming look by look, over whole simulated studies: to the first look that settles every contrast, and no further."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.support.simulated_trial import Outcome, nothing_happens
from benchmarks.support.simulation import Simulation, make_study
from search.evidence.comparison import compare
from search.run.manifest import grown
from search.run.results import load_results
from search.study.study import Study
from trainables.files.request import TrialRequest

SEEDS = list(range(101, 117))
FEW_PAIRS = (101, 102, 103, 104)


def look_study(folder: Path, **changes: Any) -> Study:
    """Two arms of equal test accuracy, so equivalent as soon as there are enough pairs."""
    search = {"algorithm": "random", "trials_per_arm": 2, "confirm": {"seeds": SEEDS}}
    return make_study(folder, search=search, compare={"looks": [8, 12, 16], **changes})


def some_diverge(request: TrialRequest, epochs: int) -> str | None:
    """Of the pairs at the first look four are lost, so nothing can be settled there."""
    lost = request.identity.arm == "refill" and request.identity.seed in FEW_PAIRS
    return "diverged" if lost and epochs == 2 else None


def confirmed(simulation: Simulation, arm: str) -> list[int]:
    found = [trial.identity for trial in simulation.store if trial.identity.phase == "confirm"]
    return sorted({identity.seed for identity in found if identity.arm == arm})


def simulated(tmp_path: Path, outcome: Outcome = nothing_happens, epochs: int | None = None) -> Simulation:
    return Simulation(look_study(tmp_path), tmp_path / "runs", outcome=outcome).go(epochs)


def test_confirming_stops_at_the_look_that_settles_everything(tmp_path: Path) -> None:
    simulation = simulated(tmp_path)
    assert confirmed(simulation, "refill") == confirmed(simulation, "rsst") == SEEDS[:8]
    assert simulation.queue.notes[-1] == "settled at the look at 8 of 16 seeds: the others are not run"
    results = load_results(simulation.run.path)
    assert results.complete
    comparison = compare(results)
    assert [contrast.kind for contrast in comparison.primary] == ["equivalent"]
    assert not comparison.exploratory


def test_what_a_look_does_not_settle_goes_on_to_the_next(tmp_path: Path) -> None:
    simulation = simulated(tmp_path, some_diverge)
    assert simulation.queue.notes == [
        "not settled at the look at 8 of 16 seeds: going on to 12",
        "settled at the look at 12 of 16 seeds: the others are not run",
    ]
    assert confirmed(simulation, "rsst") == SEEDS[:12]


def test_no_seed_of_the_next_look_is_run_before_the_last_of_this_one_has_ended(tmp_path: Path) -> None:
    simulation = simulated(tmp_path, some_diverge)
    order = [int(trial.rpartition("-s")[2]) for trial in simulation.order if "confirm" in trial]
    first, recipes, arms = 8, 2, 2
    assert max(order[: first * recipes * arms]) == SEEDS[first - 1]


def test_a_settled_run_that_is_begun_again_has_nothing_left(tmp_path: Path) -> None:
    simulation = simulated(tmp_path)
    before = len(list(simulation.store))
    simulation.relaunch()
    simulation.go()
    assert len(list(simulation.store)) == before


def test_a_run_stopped_at_a_look_decides_as_one_that_was_not(tmp_path: Path) -> None:
    broken, whole = tmp_path / "broken", tmp_path / "whole"
    broken.mkdir()
    whole.mkdir()
    simulation = simulated(broken, some_diverge, epochs=100)
    while not load_results(simulation.run.path).complete:
        simulation.relaunch()
        simulation.go(37)
    assert confirmed(simulation, "rsst") == confirmed(simulated(whole, some_diverge), "rsst")


def test_a_grown_search_is_confirmed_on_every_seed(tmp_path: Path) -> None:
    simulation = simulated(tmp_path)
    simulation.study = grown(simulation.run, simulation.study, 3)
    simulation.relaunch()
    simulation.go()
    assert confirmed(simulation, "rsst") == SEEDS
    assert compare(load_results(simulation.run.path)).rule == "any time"
