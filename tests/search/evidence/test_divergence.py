"""Trials that diverged: how often, as a contrast of its own, and no part of any mean."""

from __future__ import annotations

from pathlib import Path

import pytest
from scipy import stats

from search.evidence.comparison import Comparison, compare
from search.evidence.selection import final_trial
from search.report.plots.comparison import search_values
from search.report.tables import arm_table, difference_table, divergence_table
from search.run.results import load_results
from tests.search.evidence.test_comparison import SEEDS, row_of
from tests.search.made_runs import MadeRun, falling


def run_with(path: Path, diverged: dict[str, set[int]], lead: float = 0.02, seeds: int = 8) -> Comparison:
    """Refill and RSST, RSST ahead by `lead`, on the seeds from 101; `diverged` names the seeds on which an arm did."""
    search = {"algorithm": "random", "trials_per_arm": 1, "confirm": {"seeds": SEEDS[:seeds]}}
    made = MadeRun(path, study={"search": search})
    for arm, last in (("refill", 0.90), ("rsst", 0.90 + lead)):
        made.add(arm, falling(last))
        for index, seed in enumerate(SEEDS[:seeds]):
            if seed in diverged.get(arm, set()):
                made.add(arm, falling(last)[:2], seed=seed, confirm=True, status="diverged")
            else:
                noise = 0.001 * (index % 3) * (arm == "rsst")
                made.add(arm, falling(last + noise), seed=seed, confirm=True)
    return compare(load_results(path))


def test_accuracy_is_compared_where_both_survived(tmp_path: Path) -> None:
    comparison = run_with(tmp_path / "run", {"rsst": {103}})
    (contrast,) = comparison.primary
    assert list(contrast.differences) == [seed for seed in SEEDS if seed != 103]
    assert (contrast.lost, contrast.kind) == (1, "better")
    assert contrast.mean == pytest.approx(0.021, abs=0.001)
    assert "over 7 seeds of one split and one search" in comparison.verdict
    assert "among the pairs that survived; 1 pair of trials lost to divergence" in comparison.verdict


def test_one_diverged_trial_hides_no_difference(tmp_path: Path) -> None:
    """As chance in the mean it made 0.1 - 0.9 of one seed, and nothing could be settled."""
    comparison = run_with(tmp_path / "run", {"rsst": {101}}, lead=0.01)
    assert comparison.primary[0].kind == "better"


def test_how_often_is_a_contrast_of_its_own(tmp_path: Path) -> None:
    comparison = run_with(tmp_path / "run", {"rsst": {101, 104, 106}, "refill": {106}})
    (contrast,) = comparison.divergence
    assert (contrast.trials, contrast.diverged, contrast.baseline_diverged) == (8, 3, 1)
    # Only the seeds on which one alone diverged tell the arms apart: McNemar.
    assert contrast.p_value == pytest.approx(stats.binomtest(2, 2, 0.5).pvalue)
    assert contrast.kind == "not settled"
    assert (
        "Of 8 trials each, 3 of rsst and 1 of refill diverged; whether one does so more often is not settled "
        "(exact paired test over 8 seeds, Holm-adjusted p = 0.5000)." in comparison.verdict
    )


def test_an_arm_that_always_diverges_is_found_to(tmp_path: Path) -> None:
    comparison = run_with(tmp_path / "run", {"rsst": set(SEEDS)})
    (contrast,) = comparison.divergence
    assert (contrast.kind, contrast.p_holm) == ("more often", 2 / 256)
    assert "rsst diverges more often than refill: 8 against 0 of 8 trials" in comparison.verdict
    assert "no pair of trials survived (of 8 each, 8 of rsst and 0 of refill diverged)" in comparison.verdict
    confirmed = row_of(comparison, "rsst").confirmed
    assert confirmed is not None
    assert (confirmed.mean, confirmed.diverged) == (None, 8)
    assert not comparison.exploratory
    best = final_trial(load_results(tmp_path / "run"))
    assert best is not None
    assert best.identity.arm == "refill"


def test_less_often_is_said_of_the_other(tmp_path: Path) -> None:
    comparison = run_with(tmp_path / "run", {"refill": set(SEEDS[1:])})
    assert comparison.divergence[0].kind == "less often"
    assert "refill diverges more often than rsst: 7 against 0 of 8 trials" in comparison.verdict


def test_where_nothing_diverged_nothing_is_said(tmp_path: Path) -> None:
    comparison = run_with(tmp_path / "run", {})
    assert [contrast.p_holm for contrast in comparison.divergence] == [1.0]
    assert "diverge" not in comparison.verdict
    assert divergence_table(comparison) is None


def test_tables_and_the_budget_plot_treat_it_alike(tmp_path: Path) -> None:
    path = tmp_path / "run"
    comparison = run_with(path, {"rsst": {101, 102}}, seeds=6)
    table = divergence_table(comparison)
    assert table is not None
    assert table.rows == [["rsst", "6", "2", "0", "0.5000", "0.5000", "not settled"]]
    rows = {row[0]: dict(zip(arm_table(comparison).heading, row, strict=True)) for row in arm_table(comparison).rows}
    assert rows["rsst"]["confirmed test"].startswith("92.1")
    assert rows["rsst"]["confirmed test"].endswith("(2 diverged)")
    differences = difference_table(comparison)
    assert differences is not None
    assert differences.rows[0][differences.heading.index("pairs")] == "4 (2 lost)"
    made = MadeRun(path, study={"search": {"algorithm": "random", "trials_per_arm": 2, "confirm": {"seeds": SEEDS}}})
    made.add("refill", falling(0.5)[:2], number=1, status="diverged")
    assert search_values(load_results(path), "refill") == pytest.approx([0.9, 0.9])
