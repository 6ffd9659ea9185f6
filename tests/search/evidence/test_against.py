"""Arms that are compared with another one than the baseline: two methods within each of two networks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from models.errors import UserError
from search.evidence.comparison import Comparison, compare
from search.report.plots.comparison import paired_differences
from search.report.tables import difference_table, equal_cost_table
from search.run.results import load_results
from search.study.claims import family_size
from search.study.load import load_study
from tests.search.made_runs import MadeRun, falling

ARMS = {
    "small_refill": {"prune.method": "refill"},
    "small_rsst": {"prune.method": "rsst"},
    "large_refill": {"prune.method": "refill", "model.arch": "vit_tiny"},
    "large_rsst": {"prune.method": "rsst", "model.arch": "vit_tiny"},
    "whole": {"prune.method": "dense"},
}
REACHED = {"small_refill": 0.70, "small_rsst": 0.72, "large_refill": 0.80, "large_rsst": 0.85}
SEEDS = tuple(range(101, 109))
AGAINST = {"large_rsst": "large_refill"}


def made(path: Path, **compare_keys: Any) -> MadeRun:
    search = {"algorithm": "random", "trials_per_arm": 1, "confirm": {"seeds": list(SEEDS)}}
    compared = {"claim": "configurations", "baseline": "small_refill", "against": AGAINST, **compare_keys}
    return MadeRun(path, ARMS, study={"search": search, "compare": compared})


@pytest.fixture
def comparison(tmp_path: Path) -> Comparison:
    run = made(tmp_path / "run")
    for arm, accuracy in REACHED.items():
        run.add(arm, falling(accuracy))
        for seed in SEEDS:
            run.add(arm, falling(accuracy + 0.001 * (seed % 3)), seed=seed, confirm=True)
    return compare(load_results(run.path))


def test_each_arm_is_compared_with_its_own(comparison: Comparison) -> None:
    found = {one.arm: (one.baseline, round(100 * (one.mean or 0.0), 6)) for one in comparison.primary}
    assert found == {
        "small_rsst": ("small_refill", 2.0),
        "large_refill": ("small_refill", 10.0),
        "large_rsst": ("large_refill", 5.0),
    }
    assert {one.arm: one.baseline for one in comparison.secondary} == {arm: base for arm, (base, _) in found.items()}
    assert {one.arm: one.baseline for one in comparison.divergence} == {arm: base for arm, (base, _) in found.items()}
    assert {one.arm: one.baseline for one in comparison.equal_cost} == {arm: base for arm, (base, _) in found.items()}
    assert "large_rsst is better than large_refill at " in comparison.verdict


def test_they_are_one_family(comparison: Comparison) -> None:
    smallest = min(one.p_value or 0.0 for one in comparison.primary)
    assert min(one.p_holm or 0.0 for one in comparison.primary) == pytest.approx(3 * smallest)


def test_pages_say_against_whom(comparison: Comparison) -> None:
    for table in (difference_table(comparison), equal_cost_table(comparison)):
        assert table is not None
        assert {"small_rsst", "large_refill", "large_rsst (against large_refill)"} == {row[0] for row in table.rows}
    plot = paired_differences(comparison)
    assert plot is not None
    assert "large_rsst (against large_refill), " in plot.alternative


def test_the_study_counts_as_many_tests(tmp_path: Path) -> None:
    assert family_size(load_study(made(tmp_path / "run", at=[20, 40]).path / "study.yaml")) == 6


@pytest.mark.parametrize(
    ("against", "message"),
    [
        ({"large_rst": "large_refill"}, "compare.against.large_rst: .*the nearest is large_rsst"),
        ({"large_rsst": "large_refil"}, "the nearest is large_refill"),
        ({"large_rsst": "whole"}, r"whole \(dense\) takes part in no comparison"),
        ({"small_refill": "large_refill"}, "small_refill is the baseline"),
        ({"large_rsst": "large_rsst"}, "or an arm with itself"),
        ({"large_rsst": "large_refill", "large_refill": "large_rsst"}, "would be compared twice"),
    ],
)
def test_what_makes_no_sense_is_refused_at_its_line(tmp_path: Path, against: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_study(made(tmp_path / "run", against=against).path / "study.yaml")
