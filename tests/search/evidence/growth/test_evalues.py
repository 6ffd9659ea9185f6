from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.evidence.growth.evalues import RATES, evidence

SIZES = st.lists(st.floats(0.001, 3), min_size=1, max_size=6)
VALUES = st.lists(st.floats(-3, 3), min_size=1, max_size=10)


def brute_force(values: Sequence[float], margin: float, delta: float) -> float:
    """The issue's formula as it is written, by the last pair."""
    signed = [sign * rate / margin for rate in RATES for sign in (1, -1)]
    products = [
        math.prod(math.exp(rate * (value - delta)) / math.cosh(rate * (value - delta)) for value in values)
        for rate in signed
    ]
    return sum(products) / len(products)


@given(VALUES, st.floats(-1, 1))
def test_e_is_the_mixture_of_the_products(values: list[float], delta: float) -> None:
    path = evidence(values, 1.0).path(delta)
    for count in range(1, len(values) + 1):
        assert path[count - 1] == pytest.approx(brute_force(values[:count], 1.0, delta), rel=1e-9)


@given(VALUES, st.floats(0.1, 10))
def test_only_differences_in_margins_matter(values: list[float], margin: float) -> None:
    scaled = [value * margin for value in values]
    assert evidence(scaled, margin).p_two_sided() == pytest.approx(evidence(values, 1.0).p_two_sided(), rel=1e-6)


@given(SIZES)
@settings(max_examples=30, deadline=None)
def test_over_all_signs_it_is_a_fair_bet(sizes: list[float]) -> None:
    found = [
        evidence([sign * size for sign, size in zip(signs, sizes, strict=True)], 1.0)
        for signs in product((1, -1), repeat=len(sizes))
    ]
    assert np.mean([one.path()[-1] for one in found]) == pytest.approx(1.0)
    for level in (0.05, 0.1, 0.3, 0.6):
        assert np.mean([one.p_two_sided() <= level for one in found]) <= level
        assert np.mean([one.p_above(0.0) <= level for one in found]) <= level


@given(SIZES, st.floats(0, 2))
@settings(max_examples=30, deadline=None)
def test_a_centre_below_the_limit_is_no_evidence_above_it(sizes: list[float], below: float) -> None:
    found = [
        evidence([sign * size - below for sign, size in zip(signs, sizes, strict=True)], 1.0).p_above(0.0)
        for signs in product((1, -1), repeat=len(sizes))
    ]
    assert np.mean([p <= 0.1 for p in found]) <= 0.1


@given(VALUES)
def test_evidence_found_is_not_lost(values: list[float]) -> None:
    so_far = [evidence(values[:count], 1.0).p_two_sided() for count in range(1, len(values) + 1)]
    assert all(later <= before + 1e-12 for before, later in pairwise(so_far))


@given(st.lists(st.floats(-2, 3).map(lambda value: round(value, 2)), min_size=8, max_size=14))
@settings(max_examples=30, deadline=None)
def test_interval_holds_every_centre_that_is_not_rejected(values: list[float]) -> None:
    test = evidence(values, 1.0)
    low, high = test.interval(0.1) or (math.inf, -math.inf)
    kept = [centre for centre in np.linspace(-4, 5, 91) if test.p_two_sided(centre) > 0.1]
    assert all(low - 1e-9 <= centre <= high + 1e-9 for centre in kept)
    if low <= high:
        assert test.p_two_sided(low - 1e-6) <= 0.1
        assert test.p_two_sided(high + 1e-6) <= 0.1


def test_interval_of_too_few_pairs_has_no_ends() -> None:
    assert evidence([0.5, 0.4, 0.6], 1.0).interval(0.05) == (-math.inf, math.inf)


def test_sequences_cover_the_true_centre_at_all_times() -> None:
    random = np.random.default_rng(8)
    missed = 0
    for _ in range(80):
        interval = evidence(random.normal(0.7, 1.0, 40).tolist(), 1.0).interval(0.1)
        missed += interval is None or not interval[0] <= 0.7 <= interval[1]
    assert missed <= 12  # 8 expected at most; the process is conservative


def test_equal_arms_are_found_equal_and_unequal_ones_are_not() -> None:
    random = np.random.default_rng(2)
    assert evidence(random.normal(0.0, 0.5, 20).tolist(), 1.0).p_equivalent(1.0) < 0.01
    assert evidence(random.normal(1.5, 0.5, 20).tolist(), 1.0).p_equivalent(1.0) > 0.5


@pytest.mark.parametrize(("values", "margin"), [([], 1.0), ([math.nan], 1.0), ([0.1], 0.0)])
def test_what_is_no_data_is_refused(values: list[float], margin: float) -> None:
    with pytest.raises(ValueError, match=r"e-values|margin"):
        evidence(values, margin)
