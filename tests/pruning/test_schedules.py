from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import UserError
from pruning.schedules import SCHEDULES, kept_fraction, unit_count


def kept_list(kind: str, states: int, ratio: float) -> list[float]:
    custom = [1.0 - ratio * (s / states) ** 0.5 for s in range(1, states + 1)] if kind == "custom" else None
    return [kept_fraction(kind, s, states, ratio, custom=custom) for s in range(states + 1)]


@pytest.mark.parametrize("kind", SCHEDULES)
@given(states=st.integers(1, 30), ratio=st.floats(0.0, 0.999))
def test_starts_dense_never_rises_and_ends_at_the_ratio(kind: str, states: int, ratio: float) -> None:
    kept = kept_list(kind, states, ratio)
    assert kept[0] == 1.0
    assert all(0.0 < after <= before for before, after in pairwise(kept))
    assert kept[-1] == pytest.approx(1.0 - ratio, abs=1e-12)


def test_closed_forms_in_the_middle() -> None:
    assert kept_fraction("geometric", 3, 4, 0.7) == pytest.approx(0.3**0.75)
    assert kept_fraction("linear", 3, 4, 0.8) == pytest.approx(0.4)
    assert kept_fraction("cubic", 1, 2, 0.8) == pytest.approx(1 - 0.8 * 0.875)
    assert kept_fraction("one_shot", 1, 4, 0.8) == pytest.approx(0.2)
    assert kept_fraction("custom", 2, 3, 0.0, custom=[0.9, 0.5, 0.4]) == 0.5


def test_geometric_removes_the_same_share_of_what_is_left_at_every_event() -> None:
    kept = kept_list("geometric", 15, 0.7)
    shares = [1 - after / before for before, after in pairwise(kept)]
    assert shares == pytest.approx([0.0771] * 15, abs=1e-4)


def test_rate_per_state_overrides_the_ratio_and_compounds() -> None:
    assert kept_fraction("linear", 3, 5, 0.9, rate_per_state=0.2) == pytest.approx(0.512)


def test_one_shot_goes_straight_to_where_a_list_or_a_rate_would_end() -> None:
    assert kept_fraction("one_shot", 1, 3, 0.5, rate_per_state=0.2) == pytest.approx(0.512)
    assert kept_fraction("one_shot", 1, 3, 0.5, custom=[0.9, 0.5, 0.4]) == 0.4
    assert kept_fraction("one_shot", 0, 3, 0.5, custom=[0.9, 0.5, 0.4]) == 1.0


def test_vit_small_at_seventy_percent_keeps_21_heads_and_5529_neurons() -> None:
    kept = kept_fraction("geometric", 15, 15, 0.7)
    assert unit_count(72, kept, 12, 72) == 21
    assert unit_count(18432, kept, 12, 18432) == 5529


def test_a_count_that_is_whole_on_paper_is_not_lost_to_rounding() -> None:
    assert math.floor(10 * (1.0 - 0.9)) == 0
    assert unit_count(10, 1.0 - 0.9, 0, 10) == 1


@given(
    total=st.integers(1, 20000),
    floor=st.integers(0, 20),
    ratio=st.floats(0.0, 0.99),
    states=st.integers(1, 16),
    kind=st.sampled_from(["geometric", "linear", "cubic", "one_shot"]),
)
def test_counts_never_rise_and_respect_the_floor(total: int, floor: int, ratio: float, states: int, kind: str) -> None:
    floor = min(floor, total)
    count = total
    for s in range(states + 1):
        after = unit_count(total, kept_fraction(kind, s, states, ratio), floor, count)
        assert floor <= after <= count
        count = after
    assert count == max(floor, math.floor(total * kept_fraction(kind, states, states, ratio) + 1e-9))


def test_rounding_does_not_compound() -> None:
    count = 72
    for s in range(1, 16):
        kept = kept_fraction("geometric", s, 15, 0.7)
        count = unit_count(72, kept, 1, count)
        assert 72 * kept - 1 < count <= 72 * kept + 1e-9


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: kept_fraction("geometrik", 1, 2, 0.5), ["schedule.kind", "geometrik", "is geometric"]),
        (lambda: kept_fraction("linear", 1, 2, 1.0), ["1.0", "[0, 1)"]),
        (lambda: kept_fraction("linear", 1, 0, 0.5), ["schedule.states", "at least 1"]),
        (lambda: kept_fraction("linear", 1, 2, 0.5, rate_per_state=1.5), ["rate_per_state", "1.5"]),
        (lambda: kept_fraction("custom", 1, 2, 0.5), ["schedule.custom", "missing"]),
        (lambda: kept_fraction("custom", 1, 2, 0.5, custom=[0.5]), ["found 1", "2"]),
        (lambda: kept_fraction("custom", 1, 2, 0.5, custom=[0.5, 0.0]), ["(0, 1]"]),
        (lambda: kept_fraction("custom", 1, 2, 0.5, custom=[0.5, 0.6]), ["may not rise"]),
        (lambda: kept_fraction("linear", 1, 2, 0.5, custom=[0.5, 0.4]), ["only for", "'linear'"]),
    ],
)
def test_mistakes_are_told_in_one_line(call, words) -> None:
    with pytest.raises(UserError) as caught:
        call()
    assert all(word in str(caught.value) for word in words)
    assert "\n" not in str(caught.value)
