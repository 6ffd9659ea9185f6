"""Counts and times as people read them."""

from __future__ import annotations

import pytest

from search.evidence.formats import counted, duration, gigabytes


@pytest.mark.parametrize(
    ("count", "word", "text"),
    [
        (1, "epoch", "1 epoch"), (3, "epoch", "3 epochs"), (8, "search", "8 searches"), (2, "branch", "2 branches"),
        (2, "process", "2 processes"), (0, "seed", "0 seeds"),
    ],
)  # fmt: skip
def test_things_are_counted_in_english(count: int, word: str, text: str) -> None:
    assert counted(count, word) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"), (38, "38 s"), (59.6, "1 min 00 s"), (725, "12 min 05 s"), (18_720, "5 h 12 min"),
        (36 * 3600, "36 h 00 min"), (13 * 86_400 + 4 * 3600 + 59, "13 days 4 h"),
    ],
)  # fmt: skip
def test_times_have_two_units_at_most(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"), [(0, "under 1 MB"), (4e7, "40 MB"), (2e8, "0.20 GB"), (1.24e9, "1.2 GB"), (123.4e9, "123 GB")]
)
def test_sizes_are_in_gigabytes(count: float, text: str) -> None:
    assert gigabytes(count) == text
