"""Arms read off at equal training MACs, on curves whose values are known by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.evidence.comparison import compare
from search.evidence.equal_cost import EqualCost, equal_cost
from search.run.results import load_results
from tests.search.made_runs import MadeRun, two_arm_run


def rows_of(path: Path) -> list[EqualCost]:
    return equal_cost(load_results(path), "refill", 0.05)


def test_accuracy_and_size_are_read_between_the_states(tmp_path: Path) -> None:
    made = MadeRun(tmp_path / "run")
    for seed in (101, 102):
        made.add("refill", [0.9, 0.8, 0.7, 0.6], seed=seed, confirm=True, cost=1.0)  # costs 1, 2, 3, 4 G
        made.add("rsst", [0.9, 0.9, 0.8, 0.8], seed=seed, confirm=True, cost=2.0)  # costs 2, 4, 6, 8 G
    half, three_quarters, whole = rows_of(made.path)
    assert [row.training_macs for row in (half, three_quarters, whole)] == pytest.approx([2e9, 3e9, 4e9])
    assert three_quarters.ours is not None
    assert three_quarters.theirs is not None
    assert three_quarters.ours.val_accuracy == pytest.approx(0.9)
    assert three_quarters.ours.removed_percent == pytest.approx(10)
    assert three_quarters.ours.macs_share == pytest.approx(0.9)
    assert three_quarters.theirs.removed_percent == pytest.approx(40)
    assert three_quarters.difference == pytest.approx(0.2)
    assert whole.difference == pytest.approx(0.3)
    assert {row.pairs for row in (half, three_quarters, whole)} == {2}


def test_nothing_is_extrapolated(tmp_path: Path) -> None:
    made = MadeRun(tmp_path / "run")
    made.add("refill", [0.9, 0.8, 0.7, 0.6], seed=101, confirm=True, cost=1.0)
    made.add("rsst", [0.9, 0.8], seed=101, confirm=True, cost=3.0)
    assert [row.training_macs for row in rows_of(made.path)] == pytest.approx([3e9, 4e9])
    made.add("rsst", [0.9], seed=102, confirm=True, cost=50.0)
    (row,) = rows_of(made.path)
    assert row.training_macs is None
    assert row.reason == "no training cost lies within the curves of both rsst and refill"


def test_seeds_are_paired(tmp_path: Path) -> None:
    path = tmp_path / "run"
    two_arm_run(path, seeds=8, gap=0.03)
    last = rows_of(path)[-1]
    assert last.pairs == 8
    assert last.interval is not None
    assert last.interval[0] < last.difference < last.interval[1]  # type: ignore[operator]  # eight pairs have one


def test_without_a_confirm_phase_the_searchs_best_stand_for_the_arms(tmp_path: Path) -> None:
    made = MadeRun(tmp_path / "run")
    made.add("refill", [0.9, 0.8, 0.7, 0.6])
    made.add("rsst", [0.9, 0.9, 0.8, 0.8])
    last = rows_of(made.path)[-1]
    assert (last.pairs, last.interval) == (0, None)
    assert last.difference == pytest.approx(0.2)


def test_the_comparison_holds_it_labelled_exploratory_and_its_verdict_does_not_depend_on_it(tmp_path: Path) -> None:
    path = tmp_path / "run"
    two_arm_run(path)
    comparison = compare(load_results(path))
    rows = comparison.to_json()["equal_training_cost"]
    assert len(rows) == 3
    assert all(row["exploratory"] for row in rows)
    assert "equal training" not in comparison.verdict
    assert len(comparison.primary) == 1
