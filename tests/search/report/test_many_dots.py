"""Of very many dots those are drawn that can be seen; of fewer all, as they are."""

from __future__ import annotations

import numpy as np
import pytest

from search.report.plots.accuracy import MANY_DOTS, PLACES, apart


def test_fewer_dots_are_left_as_they_are() -> None:
    dots = np.zeros((MANY_DOTS, 2))
    assert apart(dots) == list(range(MANY_DOTS))
    assert apart(np.zeros((0, 2))) == []


def test_no_dot_is_farther_from_one_that_is_drawn_than_a_place() -> None:
    dots = np.random.default_rng(0).normal(size=(5 * MANY_DOTS, 2)) ** 3
    drawn = dots[apart(dots)]
    assert len(drawn) < len(dots) / 2
    step = (dots.max(axis=0) - dots.min(axis=0)) / PLACES
    for dot in dots[::97]:
        assert (np.abs(drawn - dot) <= step * (1 + 1e-9)).all(axis=1).any()


@pytest.mark.parametrize("column", [0, 1])
def test_dots_that_differ_in_one_direction_alone_stay_apart(column: int) -> None:
    dots = np.zeros((3 * PLACES * 10, 2))
    dots[:, column] = np.repeat(np.arange(3), PLACES * 10)
    assert dots[apart(dots), column].tolist() == [0, 1, 2]
