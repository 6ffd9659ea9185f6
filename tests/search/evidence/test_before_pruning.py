"""What was there before anything was pruned stands beside every claim about pruning."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from search.evidence.comparison import Comparison, compare
from search.report.tables import difference_table, equal_cost_table
from search.run.results import load_results
from tests.search.evidence.test_comparison import SEEDS
from tests.search.made_runs import MadeRun, falling


def run_with(
    path: Path, first: dict[str, float], last: dict[str, float], *, one_start: bool = False, **trial: object
) -> Comparison:
    """Two arms with these accuracies at state 0 and at the last state, on eight seeds, give or take a tenth of a point;
    with `one_start` both have the same at state 0 of a seed."""
    search = {"algorithm": "random", "trials_per_arm": 1, "confirm": {"seeds": SEEDS}}
    arms = {arm: {"prune.method": arm} for arm in first}
    made = MadeRun(path, arms=arms, study={"search": search})
    noise = np.random.default_rng(4).normal(0, 0.001, size=(len(SEEDS), 2))
    noise -= noise.mean(axis=0)
    for column, arm in enumerate(first):
        made.add(arm, falling(last[arm], first[arm]))
        for row, seed in enumerate(SEEDS):
            change, at_first = float(noise[row, column]), float(noise[row, 0 if one_start else column])
            made.add(arm, falling(last[arm] + change, first[arm] - at_first), seed=seed, confirm=True, **trial)
    return compare(load_results(path))


def test_a_lead_that_was_there_before_is_in_the_sentence(tmp_path: Path) -> None:
    """The study that claimed 5.00 points for Refill, which led by 5.44 before anything was pruned."""
    comparison = run_with(tmp_path / "run", {"refill": 0.9644, "random": 0.9100}, {"refill": 0.8700, "random": 0.8200})
    (contrast,) = comparison.primary
    assert contrast.kind == "worse"
    assert contrast.state0 is not None
    assert contrast.state0.difference == pytest.approx(-0.0544, abs=1e-6)
    assert contrast.state0.p_value == 2 / 256
    # Refill lost 9.44 points, random 9.00: after a head start, pruning cost Refill more.
    assert contrast.state0.pruning_cost == pytest.approx(-0.0044, abs=1e-6)
    assert "; but already before anything was pruned refill led by 5.44" in comparison.verdict
    assert "points (p = 0.0078), and since then refill lost 0.44" in comparison.verdict
    assert "points more than random (p = " in comparison.verdict


def test_what_pruning_cost_is_the_difference_of_the_differences(tmp_path: Path) -> None:
    comparison = run_with(tmp_path / "run", {"refill": 0.95, "rsst": 0.94}, {"refill": 0.85, "rsst": 0.90})
    for contrast in (*comparison.primary, *comparison.secondary):
        assert contrast.state0 is not None
        assert contrast.mean is not None
        assert contrast.state0.pruning_cost == pytest.approx(contrast.state0.difference - contrast.mean)
    # The arm that won was behind before, so nothing qualifies its lead with "but already".
    assert "; before anything was pruned refill led by 1.00 points" in comparison.verdict
    assert "and since then refill lost 6.00 points more than rsst" in comparison.verdict


def test_with_one_dense_start_for_all_no_arm_can_lead_before(tmp_path: Path) -> None:
    comparison = run_with(
        tmp_path / "run", {"refill": 0.95, "rsst": 0.95}, {"refill": 0.85, "rsst": 0.90}, one_start=True
    )
    (contrast,) = comparison.primary
    assert contrast.state0 is not None
    assert contrast.mean is not None
    assert (contrast.state0.difference, contrast.state0.p_value) == (0.0, 1.0)
    assert contrast.state0.pruning_cost == pytest.approx(-contrast.mean)
    assert contrast.state0.pruning_cost_p == contrast.p_value
    assert "before anything was pruned" not in comparison.verdict


def test_arms_that_start_alike_are_told_nothing_of_it(tmp_path: Path) -> None:
    comparison = run_with(tmp_path / "run", {"refill": 0.95, "rsst": 0.95}, {"refill": 0.85, "rsst": 0.90})
    assert comparison.primary[0].kind == "better"
    assert "before anything was pruned" not in comparison.verdict


def test_a_lead_as_large_as_the_margin_is_told_though_few_seeds_can_show_it(tmp_path: Path) -> None:
    made = MadeRun(tmp_path / "run")
    for arm, first in (("refill", 0.95), ("rsst", 0.92)):
        for seed in (101, 102):
            made.add(arm, falling(0.8, first), seed=seed, confirm=True)
    verdict = compare(load_results(made.path)).verdict
    assert "before anything was pruned refill led by 3.00 points (p = 0.5000)" in verdict


def test_equal_macs_and_equal_cost_carry_it_too(tmp_path: Path) -> None:
    path = tmp_path / "run"
    comparison = run_with(path, {"refill": 0.95, "rsst": 0.92}, {"refill": 0.85, "rsst": 0.90})
    table, costs = difference_table(comparison), equal_cost_table(comparison)
    assert table is not None
    assert costs is not None
    for one in (table, costs):
        column = one.heading.index("at state 0, points")
        assert all(row[column].startswith("-3.00") and row[column].endswith("(p 0.0078)") for row in one.rows)
    assert {row["state0"]["p_value"] for row in comparison.to_json()["equal_training_cost"]} == {2 / 256}


def test_searched_trials_at_equal_cost_carry_it_without_a_test(tmp_path: Path) -> None:
    made = MadeRun(tmp_path / "run")
    made.add("refill", [0.9, 0.8, 0.7, 0.6])
    made.add("rsst", [0.8, 0.8, 0.7, 0.7])
    last = compare(load_results(made.path)).equal_cost[-1]
    assert last.state0 is not None
    assert (last.state0.difference, last.state0.p_value) == (pytest.approx(-0.1), None)
    assert last.state0.pruning_cost == pytest.approx(-0.2)


def test_a_trial_without_a_dense_state_has_no_state_0_to_compare(tmp_path: Path) -> None:
    comparison = run_with(
        tmp_path / "run", {"refill": 0.95, "random": 0.60}, {"refill": 0.85, "random": 0.80}, removed=(60.0,) * 4
    )
    assert comparison.primary[0].state0 is None
    assert "before anything" not in comparison.verdict
