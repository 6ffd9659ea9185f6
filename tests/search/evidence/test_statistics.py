from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from search.evidence.statistics import (
    EXACT_PAIRS,
    bootstrap_interval,
    fewest_pairs,
    holm,
    mean_interval,
    seeds_foretold,
    seeds_to_settle,
    subset_means,
)

# Multiples of 1/64, so that sums are exact: scipy's tolerance misses ties at a mean of zero within rounding.
DIFFERENCES = st.lists(st.integers(-64, 64).map(lambda value: value / 64), min_size=1, max_size=8)


def scipy_p(values: list[float], alternative: str, shift: float = 0.0) -> float:
    """The same test in scipy: `samples` flips the sign of each observation."""
    moved = np.asarray(values) - shift
    if len(moved) == 1:
        moved = np.append(moved, 0.0)  # scipy refuses one observation; a zero changes no sum
    result = stats.permutation_test(
        (moved,), np.mean, permutation_type="samples", n_resamples=np.inf, alternative=alternative
    )
    return float(result.pvalue)


@given(DIFFERENCES)
@settings(max_examples=25, deadline=None)
def test_p_values_are_scipys(values: list[float]) -> None:
    means = subset_means(values)
    assert means.p_above(0.0) == pytest.approx(scipy_p(values, "greater"), abs=1e-12)
    assert means.p_below(0.0) == pytest.approx(scipy_p(values, "less"), abs=1e-12)
    assert means.p_two_sided() == pytest.approx(scipy_p(values, "two-sided"), abs=1e-12)


@given(DIFFERENCES, st.integers(-500, 500).map(lambda value: value / 1000 + 0.0003711))
@settings(max_examples=25, deadline=None)
def test_shifting_the_hypothesis_shifts_the_data(values: list[float], delta: float) -> None:
    assert subset_means(values).p_above(delta) == pytest.approx(scipy_p(values, "greater", delta), abs=1e-12)


def test_five_pairs_can_reach_no_less_than_a_sixteenth() -> None:
    assert subset_means([0.1, 0.2, 0.3, 0.4, 0.5]).p_two_sided() == 0.0625
    assert fewest_pairs(0.05) == 6
    assert fewest_pairs(0.05, 4) == 8


@given(st.lists(st.floats(-1, 1).map(lambda value: round(value, 3)), min_size=6, max_size=9, unique=True))
@settings(max_examples=25, deadline=None)
def test_interval_holds_exactly_the_centres_that_are_not_rejected(values: list[float]) -> None:
    means = subset_means(values)
    low, high = means.interval(0.05)
    step = 1e-6
    assert means.p_two_sided(low + step) > 0.05 or high - low < 2 * step
    assert means.p_two_sided(high - step) > 0.05 or high - low < 2 * step
    assert means.p_two_sided(low - step) <= 0.05
    assert means.p_two_sided(high + step) <= 0.05


def test_interval_of_too_few_pairs_has_no_ends() -> None:
    assert subset_means([0.1, 0.2, 0.3, 0.4, 0.5]).interval(0.05) == (-math.inf, math.inf)


def test_drawn_patterns_agree_with_students_test_on_many_pairs() -> None:
    values = np.random.default_rng(3).normal(0.1, 0.3, EXACT_PAIRS + 14).tolist()
    means = subset_means(values)
    assert not means.exact
    assert means.p_two_sided() == pytest.approx(stats.ttest_1samp(values, 0.0).pvalue, rel=0.15)
    assert means.interval(0.05) == pytest.approx(mean_interval(values, 0.05), abs=0.02)
    assert means.p_two_sided() == subset_means(values).p_two_sided()


def test_equivalence_is_the_worse_of_two_one_sided_tests() -> None:
    values = [0.001, -0.002, 0.0005, 0.001, -0.001, 0.0015, -0.0005, 0.0002]
    means = subset_means(values)
    assert means.p_equivalent(0.01) == pytest.approx(1 / 256)
    expected = max(scipy_p(values, "greater", -0.001), scipy_p(values, "less", 0.001))
    assert means.p_equivalent(0.001) == pytest.approx(expected)


@pytest.mark.parametrize("bad", [[], [math.nan], [0.1, math.inf]])
def test_what_is_no_data_is_refused(bad: list[float]) -> None:
    with pytest.raises(ValueError, match="sign-flip"):
        subset_means(bad)


def test_holm_on_a_worked_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_never_lowers_a_p_value_nor_changes_their_order(values: list[float]) -> None:
    adjusted = holm(values)
    assert all(before <= after <= 1 for before, after in zip(values, adjusted, strict=True))
    by_size = [adjusted[index] for index in sorted(range(len(values)), key=lambda index: values[index])]
    assert by_size == sorted(by_size)


def rejection_rate(shift: float, rounds: int, pairs: int = 8) -> float:
    """How often "better" is claimed for the first arm when its true lead is `shift` standard deviations."""
    random = np.random.default_rng(11)
    claims = 0
    for _ in range(rounds):
        values = random.normal(shift, 1.0, pairs)
        claims += subset_means(values).p_two_sided() <= 0.05 and values.mean() > 0
    return claims / rounds


def test_without_a_difference_a_false_claim_comes_at_the_stated_rate() -> None:
    # Of 256 patterns, 6 reach p <= 0.05 on one side: 0.0234 exactly; 3000 rounds err by 0.0028 (one sigma).
    assert rejection_rate(0.0, 3000) == pytest.approx(6 / 256, abs=0.009)


def test_a_planted_difference_is_found() -> None:
    assert rejection_rate(2.0, 300) > 0.95


def test_the_interval_covers_the_truth_at_its_rate() -> None:
    random = np.random.default_rng(5)
    covered = 0
    for _ in range(2000):
        low, high = subset_means(random.normal(0.3, 1.0, 8)).interval(0.05)
        covered += low < 0.3 < high
    assert covered / 2000 == pytest.approx(1 - 12 / 256, abs=0.015)


def test_seeds_to_settle_have_the_power_they_promise() -> None:
    needed = seeds_to_settle(deviation=0.01, margin=0.01, alpha=0.05)
    random = np.random.default_rng(7)
    found = [subset_means(random.normal(0.01, 0.01, needed)).p_two_sided() <= 0.05 for _ in range(400)]
    excluded = [subset_means(random.normal(0.0, 0.01, needed)).p_equivalent(0.01) <= 0.05 for _ in range(400)]
    assert np.mean(found) > 0.74
    assert np.mean(excluded) > 0.74


def test_seeds_to_settle_follow_margin_spread_and_family_but_not_the_effect() -> None:
    base = seeds_to_settle(0.01, 0.005, 0.05)
    assert seeds_to_settle(0.02, 0.005, 0.05) > base
    assert seeds_to_settle(0.01, 0.01, 0.05) < base
    assert seeds_to_settle(0.01, 0.005, 0.05, comparisons=6) > base
    assert seeds_to_settle(0.0, 0.005, 0.05) == fewest_pairs(0.05)
    with pytest.raises(ValueError, match="margin"):
        seeds_to_settle(0.01, 0.0, 0.05)


@pytest.mark.parametrize("count", [4, 8])
def test_the_upper_number_of_seeds_foretold_is_enough_in_four_studies_of_five(count: int) -> None:
    random, truth = np.random.default_rng(3), seeds_to_settle(0.012, 0.01, 0.05)
    studies = [seeds_foretold(random.normal(0.004, 0.012, count), 0.01, 0.05) for _ in range(150)]
    foretold = np.array([found for found in studies if found is not None])
    # At the spread seen more than half of the studies would be too small.
    assert np.mean(foretold[:, 0] >= truth) < 0.55
    assert np.mean(foretold[:, 1] >= truth) == pytest.approx(0.8, abs=0.1)


def test_nothing_is_foretold_from_three_seeds() -> None:
    assert seeds_foretold([0.01, -0.02, 0.03], 0.01, 0.05) is None
    assert seeds_foretold([0.01] * 4, 0.01, 0.05) == (fewest_pairs(0.05),) * 2


@given(st.lists(st.integers(0, 359).map(lambda right: right / 359), min_size=2, max_size=12, unique=True))
@settings(max_examples=25)
def test_both_intervals_of_a_mean_are_scipys(values: list[float]) -> None:
    student = stats.ttest_1samp(values, 0.0).confidence_interval(0.9)
    assert mean_interval(values, 0.1) == pytest.approx((student.low, student.high), abs=1e-12)
    rng = np.random.default_rng(0)
    drawn = stats.bootstrap((values,), np.mean, confidence_level=0.9, method="percentile", rng=rng).confidence_interval
    assert bootstrap_interval(values, 0.1) == pytest.approx((drawn.low, drawn.high), abs=1e-12)


def test_bootstrap_interval_is_near_students_on_well_behaved_data() -> None:
    values = np.random.default_rng(2).normal(0.5, 0.1, 60).tolist()
    assert bootstrap_interval(values, 0.05) == pytest.approx(mean_interval(values, 0.05), abs=0.006)
    assert mean_interval([0.5], 0.05) is None
