"""What a family of contrasts prints: intervals that hold together, beside decisions that are Holm's."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.evidence.contrasts import Contrast, decide
from search.evidence.paired.differences import Measured
from search.evidence.statistics import subset_means
from search.evidence.verdict import contrast_sentence
from search.study.sections import CompareConfig, Level

LEVEL = Level(axis="removed_percent", value=60.0)


def decided(rows: Sequence[Sequence[float]], margin: float = 1.0, alpha: float = 0.05) -> list[Contrast]:
    """The contrasts of arms 0, 1, … with these differences, in accuracy."""
    measured = [
        Measured(f"arm{index}", "refill", LEVEL, dict(enumerate(values)), scope="over seeds")
        for index, values in enumerate(rows)
    ]
    return decide(measured, CompareConfig(margin=margin, alpha=alpha))


def test_intervals_are_at_alpha_over_the_number_of_tests() -> None:
    rows = np.random.default_rng(0).normal(0, 0.01, size=(4, 10)).tolist()
    for values, contrast in zip(rows, decided(rows), strict=True):
        assert contrast.interval == subset_means(values).interval(0.05 / 4)
        assert contrast.interval_single == subset_means(values).interval(0.05)


def test_what_cannot_be_compared_widens_no_interval() -> None:
    values = np.random.default_rng(0).normal(0, 0.01, size=10).tolist()
    one = Measured("rsst", "refill", LEVEL, dict(enumerate(values)))
    none = Measured("random", "refill", LEVEL, {}, reason="random does not reach 60 % removed on every seed")
    first, second = decide([one, none], CompareConfig())
    assert first.interval == subset_means(values).interval(0.05)
    assert (second.kind, second.interval) == ("not comparable", None)


@given(
    st.lists(
        st.lists(st.integers(-32, 64).map(lambda value: value / 64), min_size=8, max_size=8), min_size=1, max_size=5
    ),
    st.sampled_from([0.05, 0.0625, 0.1, 0.3]),
)
@settings(max_examples=60, deadline=None)
def test_an_interval_without_zero_is_always_settled(rows: list[list[float]], alpha: float) -> None:
    for contrast in decided(rows, alpha=alpha):
        assert contrast.interval is not None
        low, high = contrast.interval
        if low > 0:
            assert contrast.kind == "better"
        if high < 0:
            assert contrast.kind == "worse"


def test_where_holm_settles_more_than_the_interval_shows_the_sentence_says_so() -> None:
    clear = [0.03, 0.031, 0.029, 0.033, 0.028, 0.03, 0.032, 0.027]
    near = [-0.001, -0.0005, 0.011, 0.009, 0.013, 0.01, 0.014, 0.008]  # p = 8/256: above 0.05/3, and last of three
    first, second, third = decided([clear, clear, near])
    assert (first.kind, second.kind, third.kind) == ("better", "better", "better")
    assert third.interval is not None
    assert third.interval[0] < 0 < third.interval[1]
    config = CompareConfig()
    assert "; the interval, which is simultaneous, still holds zero)" in contrast_sentence(third, config)
    assert "simultaneous" not in contrast_sentence(first, config)


def test_an_equivalence_whose_interval_reaches_beyond_the_margin_says_so() -> None:
    values = [0.012, 0.011, 0.005, -0.006, 0.001, -0.003, 0.002, -0.001]
    wide, _ = decided([values, [value / 10 for value in values]])
    assert wide.kind == "equivalent"
    assert "; the interval, which is simultaneous, reaches beyond it)" in contrast_sentence(wide, CompareConfig())


def coverage(tests: int, seeds: int, rounds: int, alpha: float = 0.05) -> float:
    """How often all intervals of a family hold their truths; a family's arms share a baseline, so they are dependent."""
    random = np.random.default_rng(17)
    covered = 0
    for _ in range(rounds):
        truths = random.normal(0, 0.02, tests)
        shared = random.normal(0, 0.01, seeds)
        rows = [(truth + random.normal(0, 0.01, seeds) - shared).tolist() for truth in truths]
        found = decided(rows, alpha=alpha)
        covered += all(
            one.interval is not None and one.interval[0] <= truth <= one.interval[1]
            for one, truth in zip(found, truths, strict=True)
        )
    return covered / rounds


@pytest.mark.slow
@pytest.mark.parametrize(("tests", "seeds"), [(2, 10), (4, 10), (6, 12)])
def test_all_intervals_of_a_family_hold_their_truths_together(tests: int, seeds: int) -> None:
    assert coverage(tests, seeds, rounds=400) >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / 400)
