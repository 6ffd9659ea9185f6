"""An arm whose penalty did not act is named in the verdict, with what its removals cost."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.evidence.comparison import compare
from search.run.results import load_results
from tests.search.made_runs import MadeRun, falling

FREE = {1: (0.95, 0.95), 2: (0.94, 0.945), 3: (0.93, 0.92)}
VOID = {1: (0.94, 0.90), 2: (0.92, 0.85), 3: (0.799, 0.424)}


def run_of(
    path: Path, searched: dict[int, tuple[float, float]], confirmed: dict[int, tuple[float, float]] | None
) -> Path:
    """Refill, whose removals always cost much, and RSST with these."""
    made = MadeRun(path)
    for arm, removals, again in (("refill", VOID, VOID), ("rsst", searched, confirmed)):
        made.add(arm, falling(0.9), removals=removals)
        for seed in (101, 102) if confirmed is not None else ():
            made.add(arm, falling(0.9), seed=seed, confirm=True, removals=again)
    return path


def verdict(path: Path) -> str:
    return compare(load_results(path)).verdict


def test_removals_that_cost_a_point_or_less_are_not_spoken_of(tmp_path: Path) -> None:
    assert "penalty" not in verdict(run_of(tmp_path, FREE, FREE))


def test_a_removal_that_costs_more_is_named_with_its_arm_and_figures(tmp_path: Path) -> None:
    said = verdict(run_of(tmp_path, VOID, VOID))
    assert (
        "In arm rsst the penalty did not act: the removal in state 3 cost 37.50 points of validation accuracy " in said
    )
    assert (
        "(79.90 % just before, 42.40 % just after; mean of 2 confirm trials; 16.17 a removal over all states)" in said
    )
    assert "arm refill" not in said, "it has no penalty"


@pytest.mark.parametrize(
    ("searched", "confirmed", "named"), [(VOID, FREE, False), (FREE, VOID, True), (VOID, None, True)]
)
def test_confirm_trials_stand_for_the_arm_where_there_are_any(
    tmp_path: Path,
    searched: dict[int, tuple[float, float]],
    confirmed: dict[int, tuple[float, float]] | None,
    named: bool,
) -> None:
    said = verdict(run_of(tmp_path, searched, confirmed))
    assert ("the penalty did not act" in said) is named
    assert ("mean of 1 search trial;" in said) is (confirmed is None)


def test_one_dear_removal_is_not_hidden_by_free_ones(tmp_path: Path) -> None:
    assert "the removal in state 2 cost 2.00 points" in verdict(run_of(tmp_path, FREE, {**FREE, 2: (0.94, 0.92)}))


def test_a_trial_without_removals_says_nothing(tmp_path: Path) -> None:
    assert "penalty" not in verdict(run_of(tmp_path, {}, {}))
