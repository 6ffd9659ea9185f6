from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import UserError
from pruning.macs_target import counts_for_target, scaled_kept, scaled_ratio, solve_factor
from pruning.schedules import unit_count

HEADS, NEURONS, FIXED = 72, 18432, 50_000
HEAD_COST, NEURON_COST = 6400, 50
DENSE = FIXED + HEADS * HEAD_COST + NEURONS * NEURON_COST


def macs(counts) -> int:
    return FIXED + counts["head"] * HEAD_COST + counts["neuron"] * NEURON_COST


def counts_at(factors, head_ratio: float = 0.5, neuron_ratio: float = 0.7, previous=(HEADS, NEURONS)):
    return {
        "head": unit_count(HEADS, 1 - scaled_ratio(head_ratio, factors["head"]), 12, previous[0]),
        "neuron": unit_count(NEURONS, 1 - scaled_ratio(neuron_ratio, factors["neuron"]), 12, previous[1]),
    }


@given(ratio=st.floats(0.0, 0.99), factor=st.floats(0.0, 5.0))
def test_the_scaled_ratio_scales_the_log_of_what_is_kept(ratio: float, factor: float) -> None:
    left = 1 - scaled_ratio(ratio, factor)
    assert left == pytest.approx((1 - ratio) ** factor, abs=1e-12)


@given(kept=st.lists(st.floats(0.001, 1.0), min_size=1, max_size=6), factor=st.floats(0.0, 2.0**20))
def test_listed_fractions_keep_their_course_and_their_range(kept: list[float], factor: float) -> None:
    kept = sorted(kept, reverse=True)
    scaled = [scaled_kept(one, factor) for one in kept]
    assert scaled == sorted(scaled, reverse=True)
    assert all(0.0 < one <= 1.0 for one in scaled)
    for one, other in zip(kept, scaled, strict=True):
        if other > 1e-15:
            assert math.log(other) == pytest.approx(factor * math.log(one), rel=1e-6, abs=1e-9)


def test_a_factor_of_one_leaves_what_was_listed() -> None:
    assert [scaled_kept(one, 1.0) for one in (0.9, 0.3, 1.0)] == [0.9, 0.3, 1.0]


@settings(max_examples=50, deadline=None)
@given(target=st.floats(0.15, 0.99))
def test_the_smallest_factor_that_meets_the_target(target: float) -> None:
    def macs_at(factor: float) -> float:
        return macs(counts_at({"head": factor, "neuron": factor}))

    factor = solve_factor(macs_at, DENSE, target)
    assert macs_at(factor) <= target * DENSE
    assert macs_at(max(0.0, factor * (1 - 1e-6))) > target * DENSE or factor == 0.0


@settings(max_examples=50, deadline=None)
@given(target=st.floats(0.15, 0.9))
def test_the_last_event_fills_the_target_to_the_last_neuron(target: float) -> None:
    counts = counts_for_target(counts_at, macs, ["head", "neuron"], DENSE, target)
    limit = target * DENSE
    assert macs(counts) <= limit
    assert macs({**counts, "neuron": counts["neuron"] + 1}) > limit or counts["neuron"] == NEURONS
    assert macs({**counts, "head": counts["head"] + 1}) > limit or counts["head"] == HEADS
    common = math.log((counts["neuron"] + 0.5) / NEURONS) / math.log(0.3)
    assert counts["head"] == pytest.approx(HEADS * 0.5**common, abs=2)


def test_units_removed_before_do_not_come_back() -> None:
    def late(factors):
        return counts_at(factors, previous=(30, 9000))

    counts = counts_for_target(late, macs, ["head", "neuron"], DENSE, 0.9)
    assert counts == {"head": 30, "neuron": 9000}


def test_every_set_of_counts_is_costed_once() -> None:
    asked = []

    def costed(counts) -> int:
        asked.append(tuple(counts.values()))
        return macs(counts)

    counts_for_target(counts_at, costed, ["head", "neuron"], DENSE, 0.4)
    assert len(asked) == len(set(asked)) < 100


def test_a_target_below_what_ratios_and_floors_allow_is_refused_with_the_least_share() -> None:
    def macs_at(factor: float) -> float:
        return macs(counts_at({"head": factor, "neuron": factor}, neuron_ratio=0.0))

    with pytest.raises(UserError, match=r"macs_target: found 0\.3, but the smallest .* 0\.7"):
        solve_factor(macs_at, DENSE, 0.3)


@pytest.mark.parametrize("target", [0.0, 1.0, -0.1, 70.0])
def test_the_target_is_a_share(target: float) -> None:
    with pytest.raises(UserError, match=r"share of the dense MACs"):
        solve_factor(lambda factor: 1.0, 1.0, target)
