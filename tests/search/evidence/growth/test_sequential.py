from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from itertools import product, takewhile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from search.evidence.growth.sequential import LEVELS, SequentialFlips, sequential_flips
from search.evidence.statistics import EXACT_PAIRS, subset_means
from search.study.compared.looks import can_reject, spent

# Multiples of 1/64, so that sums are exact and ties are ties in the brute-force test as well.
EXACT = st.integers(-64, 64).map(lambda value: value / 64)
FIVE = st.lists(EXACT, min_size=5, max_size=5)
LOOKS = st.sampled_from([(5,), (2, 5), (3, 4, 5), (2, 4), (3,)])


def brute_force_rejects(values: Sequence[float], looks: Sequence[int], planned: int, level: float) -> bool:
    """Straight from the definition: every sign pattern takes its walk, and at each look the highest walks are rejected."""
    walks = [
        tuple(sum(sign * abs(value) for sign, value in zip(signs, values[:pairs], strict=False)) for pairs in looks)
        for signs in product((1, -1), repeat=len(values))
    ]
    seen = [sum(values[:pairs]) for pairs in looks]
    alive = list(walks)
    for look, pairs in enumerate(looks):
        allowed = math.floor(spent(level, pairs / planned) * len(walks) + 1e-9) - (len(walks) - len(alive))
        bars = [walk[look] for walk in alive if sum(other[look] >= walk[look] for other in alive) <= allowed]
        if bars and seen[look] >= min(bars):
            return True
        alive = [walk for walk in alive if not bars or walk[look] < min(bars)]
    return False


@given(FIVE, EXACT, LOOKS)
@settings(max_examples=25, deadline=None)
def test_p_values_are_those_of_brute_force(values: list[float], delta: float, looks: tuple[int, ...]) -> None:
    values = values[: looks[-1]]
    shifted = [value - delta for value in values]
    rejecting = list(takewhile(lambda level: brute_force_rejects(shifted, looks, 5, level), LEVELS))
    expected = rejecting[-1] if rejecting else 1.0
    assert sequential_flips(values, looks, 5).p_above(delta) == expected
    assert sequential_flips([-value for value in values], looks, 5).p_below(-delta) == expected


@given(st.lists(EXACT, min_size=1, max_size=8), EXACT)
@settings(max_examples=25, deadline=None)
def test_with_a_single_look_it_is_the_test_at_a_fixed_number(values: list[float], delta: float) -> None:
    fixed = subset_means(values).p_above(delta)
    next_level = LEVELS[::-1][bisect_left(LEVELS[::-1], fixed - 1e-9)]
    assert sequential_flips(values, [len(values)], len(values)).p_above(delta) == next_level


@given(st.lists(st.floats(0.01, 1), min_size=6, max_size=6), st.sampled_from([(2, 4, 6), (4, 6), (5, 6)]))
@settings(max_examples=8, deadline=None)
def test_over_all_signs_of_any_sizes_no_level_is_exceeded(sizes: list[float], looks: tuple[int, ...]) -> None:
    found = []
    for signs in product((1, -1), repeat=6):
        values = [sign * size for sign, size in zip(signs, sizes, strict=True)]
        found.append(sequential_flips(values, looks, 6).p_above(0.0))
    for level in (0.02, 0.05, 0.1, 0.25, 0.5, *LEVELS[:100:10]):
        assert sum(p <= level for p in found) <= level * len(found) + 1e-9


@given(st.lists(st.floats(-1, 1), min_size=12, max_size=12))
@settings(max_examples=10, deadline=None)
def test_what_was_decided_at_a_look_stays_decided(values: list[float]) -> None:
    looks = (6, 9, 12)
    so_far = [sequential_flips(values[: looks[k]], looks[: k + 1], 12).p_two_sided() for k in range(3)]
    assert so_far == sorted(so_far, reverse=True)


def test_drawn_patterns_go_on_from_those_of_the_look_before() -> None:
    values = np.random.default_rng(4).normal(0.3, 1.0, EXACT_PAIRS + 8).tolist()
    before = sequential_flips(values[:EXACT_PAIRS], [8, EXACT_PAIRS], len(values))
    after = sequential_flips(values, [8, EXACT_PAIRS, len(values)], len(values))
    assert np.array_equal(before.sums, after.sums[:2])
    assert after.p_two_sided() <= before.p_two_sided()
    assert after.p_two_sided() == sequential_flips(values, [8, EXACT_PAIRS, len(values)], len(values)).p_two_sided()


def test_drawn_patterns_agree_with_students_test_at_one_look() -> None:
    values = np.random.default_rng(3).normal(0.1, 0.3, EXACT_PAIRS + 14).tolist()
    test = sequential_flips(values, [len(values)], len(values))
    assert test.p_two_sided() == pytest.approx(stats.ttest_1samp(values, 0.0).pvalue, rel=0.15)


def brute_force_kept(test: SequentialFlips, alpha: float, centres: Sequence[float]) -> list[float]:
    return [centre for centre in centres if test.p_two_sided(centre) > alpha]


@given(st.lists(st.floats(-1, 1).map(lambda value: round(value, 3)), min_size=8, max_size=8, unique=True))
@settings(max_examples=8, deadline=None)
def test_interval_holds_every_centre_that_is_not_rejected(values: list[float]) -> None:
    test = sequential_flips(values, [6, 8], 8, levels=[0.1 / 2])
    low, high = test.interval(0.1) or (math.inf, -math.inf)
    assert all(
        low - 1e-9 <= centre <= high + 1e-9 for centre in brute_force_kept(test, 0.1, np.linspace(-1, 1, 81).tolist())
    )
    if low <= high:
        assert test.p_two_sided(low - 1e-6) <= 0.1
        assert test.p_two_sided(high + 1e-6) <= 0.1


def test_interval_of_too_few_pairs_has_no_ends() -> None:
    assert sequential_flips([0.1, 0.2, 0.3, 0.4], [4], 16).interval(0.05) == (-math.inf, math.inf)


def test_equivalence_is_the_worse_of_two_one_sided_tests() -> None:
    values = [0.001, -0.002, 0.0005, 0.001, -0.001, 0.0015, -0.0005, 0.0002]
    test = sequential_flips(values, [8], 16)
    assert test.p_equivalent(0.01) == max(test.p_above(-0.01), test.p_below(0.01))
    assert test.p_equivalent(0.01) < 0.01
    assert sequential_flips([value + 0.02 for value in values], [8], 16).p_equivalent(0.01) == 1.0


def test_eight_of_32_seeds_can_find_something_as_pocock_spends_and_nothing_as_obrien_and_fleming_do() -> None:
    obrien_fleming = 2 * stats.norm.sf(stats.norm.ppf(1 - 0.025 / 2) / math.sqrt(8 / 32))
    assert obrien_fleming * 2**8 < 1
    assert can_reject(0.05, 8, 32)
    assert sequential_flips([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8], [8], 32, levels=[0.025]).p_two_sided() <= 0.05
    assert not can_reject(0.05 / 3, 8, 32)


@pytest.mark.parametrize(
    ("values", "looks", "planned"),
    [([], [0], 8), ([math.nan], [1], 8), ([0.1, 0.2], [1], 8), ([0.1, 0.2], [2, 2], 8), ([0.1, 0.2], [2], 1)],
)
def test_what_fits_no_plan_is_refused(values: list[float], looks: list[int], planned: int) -> None:
    with pytest.raises(ValueError, match="sequential sign flips"):
        sequential_flips(values, looks, planned)
