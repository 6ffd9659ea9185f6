"""A comparison over folds: the fold is the unit, seeds are averaged in it, and nothing is chosen."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.support.simulated_trial import Outcome, SimulatedTrial, nothing_happens
from benchmarks.support.simulation import Simulation, make_study
from search.evidence.comparison import Comparison, compare
from search.evidence.final_test import FinalTest, final_test
from search.evidence.formats import p_told
from search.report.tables import arm_table, difference_table, divergence_table
from search.run.results import RunResults, load_results
from tests.search.made_runs import write_predictions
from trainables.files.request import TrialRequest

SEEDS = (42, 43, 44)
FOLDS = tuple(range(1, 9))
Accuracies = Mapping[tuple[str, int, int], float]
"""By arm, fold and seed."""


def accuracies(lead: float, seed: int = 0) -> dict[tuple[str, int, int], float]:
    random = np.random.default_rng(seed)
    found = {}
    for fold in FOLDS:
        of_fold = {arm: random.normal(0, 0.01) for arm in ("net", "other")}
        for arm, number in itertools.product(of_fold, SEEDS):
            ahead = lead if arm == "net" else 0.0
            found[arm, fold, number] = 0.6 + 0.01 * fold + ahead + of_fold[arm] + random.normal(0, 0.005)
    return found


def run_of(folder: Path, table: Accuracies, outcome: Outcome = nothing_happens, **sections: Any) -> RunResults:
    """Two whole networks on eight folds and three seeds, unless `sections` say otherwise."""

    class Planted(SimulatedTrial):
        def test_accuracy(self, removed_percent: float) -> float:
            one = self.request.identity
            return table[one.arm, self.config.data.fold, one.seed] - 0.001 * removed_percent

        val_accuracy = test_accuracy

    study = {
        "trial": {
            "model": {"arch": "vit_micro", "init": {"source": "random"}},
            "data": {"name": "dtd"},
            "train": {"epochs_per_state": 1},
            "prune": {"method": "dense", "schedule": {"states": 0}},
        },
        "arms": {"net": {}, "other": {"train.lr": 0.002}},
        "space": {"data.fold": {"grid": list(FOLDS)}},
        "search": {"algorithm": "grid", "pairing": "shared", "seeds": list(SEEDS)},
        "compare": {"baseline": "other"},
    }
    simulation = Simulation(make_study(folder, **{**study, **sections}), folder / "runs", outcome=outcome)
    simulation.trial_class = Planted
    return load_results(simulation.go().run.path)


def befalls(event: str, *places: tuple[str, int, int]) -> Outcome:
    """What happens to the trials of these arms, folds and seeds."""

    def outcome(request: TrialRequest, epochs: int) -> str | None:
        one = request.identity
        return event if (one.arm, request.config["data"]["fold"], one.seed) in places else None

    return outcome


def fold_means(table: Accuracies, arm: str) -> np.ndarray:
    return np.array([np.mean([table[arm, fold, seed] for seed in SEEDS]) for fold in FOLDS])


def test_the_folds_means_are_flipped_and_nothing_else(tmp_path: Path) -> None:
    table = accuracies(lead=0.03)
    (contrast,) = compare(run_of(tmp_path, table)).primary
    differences = fold_means(table, "net") - fold_means(table, "other")
    assert list(contrast.differences) == list(FOLDS)
    assert list(contrast.differences.values()) == pytest.approx(differences)
    flipped = [np.mean(np.array(signs) * differences) for signs in itertools.product((1, -1), repeat=len(FOLDS))]
    as_far = np.mean([abs(mean) >= abs(differences.mean()) - 1e-12 for mean in flipped])
    assert contrast.p_value == pytest.approx(as_far)
    assert (contrast.unit, contrast.kind, contrast.state0) == ("fold", "better", None)


def test_the_sentence_says_over_what(tmp_path: Path) -> None:
    verdict = compare(run_of(tmp_path, accuracies(lead=0.03))).verdict
    assert verdict.startswith("Over these 8 folds of dtd, 3 seeds averaged in each: net is better than other by ")
    assert "of networks trained on these folds of dtd, and of none trained on other images" in verdict
    assert "] on the test images of these folds (" in verdict
    assert "share" not in verdict
    assert "removed" not in verdict
    assert "confirm" not in verdict
    assert "Exploratory" not in verdict


def test_deviations_are_over_runs_and_over_folds(tmp_path: Path) -> None:
    table = accuracies(lead=0.0)
    comparison = compare(run_of(tmp_path, table))
    row = next(row for row in comparison.rows if row.arm == "net")
    runs = [value for (arm, _, _), value in table.items() if arm == "net"]
    means = fold_means(table, "net")
    assert row.confirmed is not None
    assert row.confirmed.runs == len(runs)
    assert row.confirmed.runs_mean == pytest.approx(np.mean(runs))
    assert row.confirmed.runs_deviation == pytest.approx(np.std(runs, ddof=1))
    assert row.confirmed.deviation == pytest.approx(np.std(means, ddof=1))
    shown = dict(zip(arm_table(comparison).heading, arm_table(comparison).rows[0], strict=True))
    assert shown["test, mean ± s.d. of runs"] == f"{100 * np.mean(runs):.2f} % ± {100 * np.std(runs, ddof=1):.2f}"
    assert shown["test, mean ± s.d. of folds"] == f"{100 * np.mean(means):.2f} % ± {100 * np.std(means, ddof=1):.2f}"
    assert shown["folds"] == "8"


def test_more_seeds_lessen_only_their_own_part_of_the_spread(tmp_path: Path) -> None:
    table = accuracies(lead=0.0)
    comparison = compare(run_of(tmp_path, table))
    (contrast,) = comparison.primary
    runs = np.array([[table["net", fold, seed] - table["other", fold, seed] for seed in SEEDS] for fold in FOLDS])
    share = (runs.var(axis=1, ddof=1).mean() / len(SEEDS)) / runs.mean(axis=1).var(ddof=1)
    assert contrast.within_share == pytest.approx(share)
    assert contrast.kind == "not settled"
    assert "more folds would settle a difference of 1 point" in comparison.verdict
    assert (
        f"more seeds in each lessen the part of the variance that seeds make, {100 * share:.0f} % here"
        in comparison.verdict
    )


def test_a_fold_counts_where_both_came_through_every_seed(tmp_path: Path) -> None:
    table = accuracies(lead=0.03)
    diverged = befalls("diverged", ("net", 3, 43), ("net", 5, 42), ("other", 5, 44))
    comparison = compare(run_of(tmp_path, table, diverged))
    (contrast,) = comparison.primary
    assert list(contrast.differences) == [1, 2, 4, 6, 7, 8]
    assert contrast.lost == 3
    assert "Over 6 of these 8 folds of dtd, in which both arms came through every seed (3 seeds" in comparison.verdict
    assert comparison.caveats == ()


def test_the_folds_of_an_arm_are_those_that_it_came_through_wholly(tmp_path: Path) -> None:
    table = accuracies(lead=0.03)
    comparison = compare(run_of(tmp_path, table, befalls("diverged", ("net", 3, 43))))
    net, other = (next(row.confirmed for row in comparison.rows if row.arm == arm) for arm in ("net", "other"))
    assert net is not None
    assert other is not None
    whole = [mean for fold, mean in zip(FOLDS, fold_means(table, "net"), strict=True) if fold != 3]
    assert list(net.by_seed) == list(comparison.primary[0].differences) == [1, 2, 4, 5, 6, 7, 8]
    assert (net.mean, net.deviation) == pytest.approx((np.mean(whole), np.std(whole, ddof=1)))
    assert (net.runs, len(other.by_seed)) == (23, 8)
    assert "A fold counts for an arm that came through every seed of it" in (arm_table(comparison).caption or "")


def test_too_few_folds_settle_nothing_however_large_the_difference(tmp_path: Path) -> None:
    four = {"space": {"data.fold": {"grid": [1, 2, 3, 4]}}}
    comparison = compare(run_of(tmp_path, accuracies(lead=0.3), **four))
    (contrast,) = comparison.primary
    assert (contrast.kind, contrast.p_value) == ("not settled", pytest.approx(2 / 2**4))
    assert (contrast.least_p, contrast.enough) == (pytest.approx(2 / 2**4), 6)
    assert (
        "with 4 folds no difference can be settled at alpha 0.05, whatever the trials say (the smallest Holm-adjusted "
        "p is 0.1250); 6 folds could, if the data had so many, and one of 1 point takes "
    ) in comparison.verdict
    table = difference_table(comparison)
    assert table is not None
    assert table.rows[0][-1].startswith("not settled: 4 folds cannot settle any, 6 could; ")
    assert table.rows[0][-1].endswith("more folds for 1 point")


def test_a_test_within_reach_is_not_said_to_be_out_of_it(tmp_path: Path) -> None:
    comparison = compare(run_of(tmp_path, accuracies(lead=0.0)))
    assert not comparison.primary[0].out_of_reach
    assert "can be settled" not in comparison.verdict


def test_a_tiny_p_has_no_equals_sign() -> None:
    assert [p_told(one) for one in (0.25, 0.00001, None)] == ["p = 0.2500", "p < 0.0001", "p = –"]


def test_divergence_is_counted_over_folds(tmp_path: Path) -> None:
    lost = [("net", fold, 42) for fold in FOLDS]
    comparison = compare(run_of(tmp_path, accuracies(lead=0.0), befalls("diverged", *lost)))
    (found,) = comparison.divergence
    assert (found.diverged, found.baseline_diverged, found.trials) == (8, 0, 24)
    assert (found.units, found.unit, found.kind) == (8, "fold", "more often")
    assert found.p_value == pytest.approx(2 / 2**8)
    assert comparison.primary[0].reason is not None
    assert "in no fold did both get through every seed" in comparison.primary[0].reason
    table = divergence_table(comparison)
    assert table is not None
    assert table.heading[1] == "trials"


def test_a_trial_that_failed_makes_the_verdict_exploratory(tmp_path: Path) -> None:
    comparison = compare(run_of(tmp_path, accuracies(lead=0.03), befalls("out of luck", ("other", 2, 42))))
    assert comparison.caveats[0] == "1 trial of other has not finished"
    assert list(comparison.primary[0].differences) == [1, 3, 4, 5, 6, 7, 8]
    assert comparison.verdict.startswith("Exploratory (1 trial of other has not finished")


def pruned(folder: Path) -> Comparison:
    trial = {
        "model": {"arch": "vit_micro", "init": {"source": "random"}},
        "data": {"name": "dtd"},
        "train": {"epochs_per_state": 1},
        "prune": {"schedule": {"kind": "linear", "states": 4, "head_ratio": 0.8, "neuron_ratio": 0.8}},
    }
    arms = {"net": {"prune.method": "rsst"}, "other": {}, "whole": {"prune.method": "dense"}}
    table = {**accuracies(lead=0.03), **{("whole", fold, seed): 0.9 for fold in FOLDS for seed in SEEDS}}
    compared = {"baseline": "other", "at": [40, 80]}
    return compare(run_of(folder, table, trial=trial, arms=arms, compare=compared))


def test_networks_that_get_smaller_are_compared_at_levels_and_whole_ones_are_rows(tmp_path: Path) -> None:
    comparison = pruned(tmp_path)
    assert [(one.arm, one.level.value, one.kind) for one in comparison.primary] == [
        ("net", 40, "better"),
        ("net", 80, "better"),
    ]
    assert "net is better than other at 40 % removed by" in comparison.verdict
    assert {row.arm for row in comparison.rows} == {"net", "other", "whole"}
    assert {one.level.value for one in comparison.secondary} == {0.75, 0.5, 0.25}


def test_folds_with_equal_labels_are_other_images_all_the_same(tmp_path: Path) -> None:
    """Each fold of dtd has as many test images of each class, in the order of the classes."""
    images, share = 400, 0.05
    results = run_of(tmp_path, accuracies(lead=0.0))
    wrong = np.random.default_rng(5).random(images) < share
    for trial in results.trials:
        right = np.ones(images, dtype=bool)
        if trial.identity.arm == "other":
            right &= ~wrong
        write_predictions(trial.folder, 0, right.tolist())
    (contrast,) = compare(load_results(results.run)).primary
    assert contrast.images is not None
    low, high = contrast.images
    rate = wrong.mean()
    # The three seeds of a fold have the same images; the hundredth of one fold is not the hundredth of the next.
    deviation = np.sqrt(rate * (1 - rate) / (images * len(FOLDS)))
    assert high - low == pytest.approx(2 * 1.96 * deviation, rel=0.1)
    assert (low + high) / 2 == pytest.approx(rate, abs=0.002)


def test_the_network_taken_is_said_to_be_of_one_fold(tmp_path: Path) -> None:
    test = final_test(run_of(tmp_path, accuracies(lead=0.03)))
    assert isinstance(test, FinalTest)
    of_one = "from 16 configurations (of 8 folds, each on validation images of its own), then the lowest of its 3 seeds"
    assert test.choice.text == f"by highest mean validation accuracy {of_one}"
