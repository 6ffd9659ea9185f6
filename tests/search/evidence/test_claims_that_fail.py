"""What a claim says where trials of it diverged, failed or were chosen no more: less, or that it cannot tell."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from benchmarks.support.simulation import Simulation, make_study
from search.evidence.comparison import Comparison, compare
from search.run.results import load_results
from trainables.files.request import TrialRequest

SEARCH = {"algorithm": "random", "trials_per_arm": 3, "confirm": {"seeds": [101, 102, 103]}}


def simulated(
    folder: Path, search: dict[str, object], outcome: Callable[[TrialRequest, int], str | None]
) -> Simulation:
    return Simulation(make_study(folder, search=search), folder / "runs", outcome=outcome).go()


def compared(simulation: Simulation) -> Comparison:
    return compare(load_results(simulation.run.path))


def test_pooled_leaves_out_a_seed_that_lacks_one_of_the_recipes(tmp_path: Path) -> None:
    def outcome(request: TrialRequest, epochs: int) -> str | None:
        return "diverged" if request.identity.id == "rsst.at-refill-confirm-s102" else None

    (contrast,) = compared(simulated(tmp_path, SEARCH, outcome)).primary
    assert list(contrast.differences) == [101, 103]
    assert contrast.lost == 1


def test_pooled_does_not_judge_by_the_one_recipe_that_an_arm_survives(tmp_path: Path) -> None:
    def outcome(request: TrialRequest, epochs: int) -> str | None:
        return "diverged" if request.identity.id.startswith("rsst.at-refill") else None

    comparison = compared(simulated(tmp_path, SEARCH, outcome))
    assert comparison.primary[0].kind == "not comparable"
    assert (
        "at no seed did both get through every recipe (3 of rsst's and 0 of refill's trials diverged)"
        in comparison.verdict
    )


def test_a_search_that_chose_nothing_is_no_replicate_and_is_told(tmp_path: Path) -> None:
    def outcome(request: TrialRequest, epochs: int) -> str | None:
        one = request.identity
        return "diverged" if (one.arm, one.phase, one.replicate) == ("rsst", "search", 1) else None

    simulation = simulated(tmp_path, {**SEARCH, "replicates": 3}, outcome)
    assert load_results(simulation.run.path).complete
    comparison = compared(simulation)
    assert "rsst chose nothing in 1 search (number 1)" in comparison.caveats
    assert any("rsst" in note and "in search 1" in note for note in simulation.queue.notes)


def test_confirm_trials_at_a_recipe_of_before_are_set_aside_and_no_evidence(tmp_path: Path) -> None:
    simulation = simulated(tmp_path, SEARCH, lambda request, epochs: None)
    results = load_results(simulation.run.path)
    best = results.best_of_arm("refill")
    assert best is not None
    shutil.rmtree(best.folder)
    simulation.outcome = lambda request, epochs: "diverged" if request.identity.id == best.id else None
    simulation.relaunch()
    simulation.go()
    after = load_results(simulation.run.path)
    chosen = after.best_of_arm("refill")
    assert chosen is not None
    assert chosen.id != best.id
    assert after.complete
    assert all(best.id not in str(trial.source).split("+") for trial in after.trials)
    assert len(after.evidence("rsst")) == len(after.evidence("refill")) == 6


def test_a_recipe_that_is_none_for_another_arm_fails_that_trial_alone(tmp_path: Path) -> None:
    deep = {"prune.method": "rsst", "prune.schedule.states": 6}
    search = {**SEARCH, "enqueue": [{"train.epochs_total": 5, "arms": ["refill"]}]}
    study = make_study(
        tmp_path,
        arms={"refill": {"prune.method": "refill"}, "rsst": deep},
        space={"train.epochs_total": {"int": [7, 9]}},
        search={**search, "trials_per_arm": 1},
    )
    simulation = Simulation(study, tmp_path / "runs").go()
    results = load_results(simulation.run.path)
    assert results.complete
    failed = results.trial("rsst.at-refill-confirm-s101")
    assert failed is not None
    assert failed.status == "failed"
    assert compare(results).exploratory
