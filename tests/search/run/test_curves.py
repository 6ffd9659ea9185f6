from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.run.curves import Curve, curve_of
from search.study.sections import Level
from tests.search.made_runs import DENSE_MACS, state_end

STATES = [
    state_end(index, accuracy, removed, 1.0)
    for index, (accuracy, removed) in enumerate([(0.9, 0), (0.8, 40), (0.6, 60)])
]


def test_a_curve_is_read_between_its_states() -> None:
    curve = curve_of(STATES, DENSE_MACS, "removed_percent")
    assert curve.at(40) == 0.8
    assert curve.at(50) == pytest.approx(0.7)
    assert curve_of(STATES, DENSE_MACS, "macs").at(0.5) == pytest.approx(0.7)


@pytest.mark.parametrize("place", [-0.1, 60.1, 100])
def test_nothing_is_extrapolated(place: float) -> None:
    assert curve_of(STATES, DENSE_MACS, "removed_percent").at(place) is None
    assert Curve((), ()).at(place) is None


def test_the_last_of_several_states_at_one_place_counts() -> None:
    dense = [state_end(index, accuracy, 0, 1.0) for index, accuracy in enumerate([0.7, 0.8, 0.9])]
    assert curve_of(dense, DENSE_MACS, "removed_percent") == Curve((0.0,), (0.9,))


@given(st.lists(st.tuples(st.integers(0, 100), st.floats(0, 1)), min_size=1, max_size=8), st.floats(0, 100))
def test_a_reading_lies_within_the_curve(points: list[tuple[int, float]], place: float) -> None:
    ordered = sorted(dict(points).items())
    curve = Curve(tuple(float(x) for x, _ in ordered), tuple(y for _, y in ordered))
    value = curve.at(place)
    if value is None:
        assert place < curve.x[0] or place > curve.x[-1]
    else:
        assert min(curve.y) - 1e-12 <= value <= max(curve.y) + 1e-12


def test_levels_say_what_they_are() -> None:
    assert Level(axis="macs", value=0.4).text == "40 % of dense MACs"
    assert Level(axis="removed_percent", value=62.5).text == "62.5 % removed"
