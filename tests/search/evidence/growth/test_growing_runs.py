"""Whole simulated studies that may grow: each rule finds what is planted, and stops there."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.growing_runs import Rule, run_study
from search.evidence.comparison import Comparison


@pytest.mark.parametrize(("rule", "judged"), [("looks", "looks"), ("grown", "any time")])
def test_a_planted_difference_is_found_by_the_rule_that_is_named(tmp_path: Path, rule: Rule, judged: str) -> None:
    found = first_judged(tmp_path, rule, judged)
    (contrast,) = found.primary
    assert contrast.kind == "better"
    assert len(contrast.differences) < 88
    assert not found.exploratory


def first_judged(folder: Path, rule: Rule, judged: str) -> Comparison:
    """Of studies with a difference of 1.5 deviations of a seed: some are settled before they grow."""
    for number in range(12):
        (folder / str(number)).mkdir()
        found = run_study(folder / str(number), number, rule, "alike", 0.015)
        if found.rule == judged:
            return found
    raise AssertionError(f"no study was judged by {judged}")
