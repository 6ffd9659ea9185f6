from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from search.evidence.statistics import expected_best, mcnemar, wilson_interval


@given(st.integers(1, 500).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))))
def test_wilson_is_scipys(counts: tuple[int, int]) -> None:
    right, total = counts
    expected = stats.binomtest(right, total).proportion_ci(0.95, method="wilson")
    assert wilson_interval(right, total) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_wilson_refuses_more_right_than_there_are() -> None:
    with pytest.raises(ValueError, match="3 right of 2"):
        wilson_interval(3, 2)


def test_mcnemar_counts_only_where_the_networks_differ() -> None:
    first = [True] * 10 + [True] * 9 + [False] * 1 + [False] * 5
    second = [True] * 10 + [False] * 9 + [True] * 1 + [False] * 5
    result = mcnemar(first, second)
    assert (result.only_first, result.only_second) == (9, 1)
    assert result.p_value == pytest.approx(2 * (1 + 10) / 2**10)
    assert mcnemar(first, first).p_value == 1.0
    with pytest.raises(ValueError, match="25 images against 3"):
        mcnemar(first, [True] * 3)


def test_expected_best_of_one_is_the_mean_and_rises_towards_the_best() -> None:
    values = [0.5, 0.9, 0.7]
    curve = expected_best(values)
    assert curve[0] == pytest.approx(0.7)
    # Of two draws from three: the best is 0.9 in 5 of 9, 0.7 in 3, 0.5 in 1.
    assert curve[1] == pytest.approx((5 * 0.9 + 3 * 0.7 + 0.5) / 9)
    assert curve[0] < curve[1] < curve[2] < 0.9
