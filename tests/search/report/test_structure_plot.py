"""The heat map of what each layer kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.evidence.formats import whole_percent
from search.report.plots.structure import kept_structures
from search.run.results import load_results
from tests.search.made_runs import MadeRun


def test_one_unit_of_256_is_not_shown_as_nothing(tmp_path: Path) -> None:
    made = MadeRun(tmp_path / "run")
    made.add("refill", [0.9, 0.5], removed=(0, 99.6))
    (plot,) = kept_structures(load_results(made.path), "refill", 0)
    assert "neurons block 0 <1 %, block 1 <1 %" in plot.alternative
    drawn = {text.get_text() for axes in plot.figure.axes for text in axes.texts}
    assert drawn == {"100", "25", "<1"}


@pytest.mark.parametrize(
    ("share", "text"), [(0, "0"), (1 / 256, "<1"), (0.005, "<1"), (0.5, "50"), (255 / 256, ">99"), (1, "100")]
)
def test_only_nothing_is_0_and_only_all_is_100(share: float, text: str) -> None:
    assert whole_percent(share) == text
