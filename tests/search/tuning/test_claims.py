"""The confirm phase of each claim, by the real queue: which trials run, once each, and what they are the evidence of."""

from __future__ import annotations

from pathlib import Path

from benchmarks.support.simulation import Simulation, make_study
from search.evidence.paired.units import pairs_of, replicates
from search.run.results import load_results

CONFIRM = {"algorithm": "random", "trials_per_arm": 3, "confirm": {"seeds": [101, 102]}}


def test_pooled_confirms_every_arm_at_each_arms_choice_of_the_shared_keys(tmp_path: Path) -> None:
    simulation = Simulation(make_study(tmp_path, search=CONFIRM), tmp_path / "runs").go()
    results = load_results(simulation.run.path)
    assert results.complete
    assert simulation.order[6:10] == [
        "refill-confirm-s101", "refill.at-rsst-confirm-s101", "rsst.at-refill-confirm-s101", "rsst-confirm-s101",
    ]  # fmt: skip
    best = {arm: results.best_of_arm(arm) for arm in ("refill", "rsst")}
    refill, rsst = best["refill"], best["rsst"]
    assert refill is not None
    assert rsst is not None
    at = results.trial("rsst.at-refill-confirm-s102")
    assert at is not None
    assert at.source == f"{rsst.id}+{refill.id}"
    assert at.config["train"]["lr"] == refill.config["train"]["lr"] != rsst.config["train"]["lr"]
    assert at.config["prune"]["rsst"]["shrink"] == rsst.config["prune"]["rsst"]["shrink"]
    assert {key: value for key, value in at.config.items() if key not in ("train", "seed")} == {
        key: value for key, value in rsst.config.items() if key not in ("train", "seed")
    }
    assert at.config["seed"] == 102
    assert {unit: len(trials) for unit, trials in replicates(results, "rsst").items()} == {101: 2, 102: 2}


def test_choices_that_coincide_are_one_recipe_and_run_once(tmp_path: Path) -> None:
    search = {**CONFIRM, "trials_per_arm": 1, "pairing": "shared"}
    simulation = Simulation(make_study(tmp_path, search=search), tmp_path / "runs").go()
    assert sorted(name for name in simulation.order if "confirm" in name) == [
        "refill-confirm-s101", "refill-confirm-s102", "rsst-confirm-s101", "rsst-confirm-s102",
    ]  # fmt: skip
    results = load_results(simulation.run.path)
    assert results.complete
    assert {unit: len(trials) for unit, trials in replicates(results, "refill").items()} == {101: 1, 102: 1}


def test_only_trials_at_the_same_recipe_on_the_same_seed_are_a_pair(tmp_path: Path) -> None:
    simulation = Simulation(make_study(tmp_path, search=CONFIRM), tmp_path / "runs")
    while "rsst-confirm-s101" not in simulation.order:
        simulation.go(epochs=1)
    results = load_results(simulation.run.path)
    assert [trial.id for trial in results.confirmed("refill")] == ["refill-confirm-s101", "refill.at-rsst-confirm-s101"]
    assert [trial.id for trial in results.confirmed("rsst")] == []
    simulation.go()
    pairs = pairs_of(load_results(simulation.run.path), "rsst", "refill")
    assert len(pairs) == 4
    for pair in pairs:
        assert pair.ours.config["train"]["lr"] == pair.theirs.config["train"]["lr"]
        assert pair.ours.identity.seed == pair.theirs.identity.seed == pair.unit


def test_each_search_is_independent_and_confirmed_by_itself(tmp_path: Path) -> None:
    search = {**CONFIRM, "replicates": 2, "algorithm": "tpe"}
    arms = {"refill": {"prune.method": "refill"}, "rsst": {"prune.method": "rsst"}, "dense": {"prune.method": "dense"}}
    space = {"train.lr": {"log_uniform": [1e-4, 1e-2], "arms": ["refill", "rsst"]}}
    simulation = Simulation(make_study(tmp_path, search=search, arms=arms, space=space), tmp_path / "runs").go()
    results = load_results(simulation.run.path)
    assert results.complete
    by_id = {trial.id: trial for trial in results.trials}
    first, second = by_id["rsst-000"], by_id["rsst.r1-000"]
    assert first.config["train"]["lr"] != second.config["train"]["lr"]
    assert (second.config["seed"], second.config["data"]["split_seed"]) == (10_000, 10_000)
    assert by_id["rsst.r1-confirm-s10101"].source.startswith("rsst.r1-00")  # type: ignore[union-attr]  # a confirm trial has one
    assert "dense.r1-000" not in by_id, "where nothing is searched, one search trial does for all"
    assert by_id["dense.r1-confirm-s10101"].config["data"]["split_seed"] == 10_000
    assert {unit: len(trials) for unit, trials in replicates(results, "rsst").items()} == {0: 2, 1: 2}


def test_an_average_has_a_seed_for_each_recipe_and_confirms_nothing(tmp_path: Path) -> None:
    search = {"algorithm": "random", "pairing": "shared", "trials_per_arm": 4}
    study = make_study(tmp_path, search=search, compare={"claim": "average"})
    simulation = Simulation(study, tmp_path / "runs").go()
    results = load_results(simulation.run.path)
    assert results.complete
    assert len(simulation.order) == 8
    for number in range(4):
        ours, theirs = (replicates(results, arm)[number][str(number)].config for arm in ("refill", "rsst"))
        assert ours["seed"] == theirs["seed"] == number
        assert ours["train"]["lr"] == theirs["train"]["lr"]
