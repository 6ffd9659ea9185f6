"""Whole simulated studies that may grow: each rule finds what is planted, and stops there."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.growing_runs import Rule, run_study


@pytest.mark.parametrize(("rule", "judged"), [("looks", "looks"), ("grown", "any time")])
def test_a_planted_difference_is_found_by_the_rule_that_is_named(tmp_path: Path, rule: Rule, judged: str) -> None:
    found = run_study(tmp_path, 1, rule, "alike", 0.010)
    (contrast,) = found.primary
    assert contrast.kind == "better"
    assert found.rule == judged
    assert len(contrast.differences) < 33
    assert not found.exploratory
