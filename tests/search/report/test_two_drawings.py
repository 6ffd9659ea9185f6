"""What Plotly draws on a screen is what matplotlib drew for paper: the same points in the same panels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import FillBetweenPolyCollection, PathCollection

from search.evidence.comparison import compare
from search.report.charts.chart import Axis, Chart, Mark, Panel, Series
from search.report.charts.drawing import Plot
from search.report.charts.interactive import chart_json
from search.report.charts.static import figure_of
from search.report.page import run_plots
from search.report.trial_table import trial_rows
from search.run.results import RunResults, load_results
from tests.search.made_runs import MadeRun, falling

SPACE = {"train.lr": {"log_uniform": [1e-4, 1e-2]}, "prune.criterion": {"choice": ["magnitude", "l2"]}}
Points = list[tuple[float, float]]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> RunResults:
    made = MadeRun(tmp_path_factory.mktemp("drawings") / "run", study={"space": SPACE})
    for arm, base in (("refill", 0.9), ("rsst", 0.92)):
        for number in range(3):
            values = {"train.lr": 0.001 * (1 + number), "prune.criterion": ("magnitude", "l2")[number % 2]}
            made.add(arm, falling(base + number / 100), number=number, values=values)
        for seed in (101, 102):
            made.add(arm, falling(base + seed / 1e4), seed=seed, confirm=True, predictions=[True] * 80 + [False] * 20)
    return load_results(made.path)


@pytest.fixture(scope="module")
def plots(results: RunResults) -> dict[str, Plot]:
    return {plot.name: plot for plot in run_plots(results, compare(results))}


def told(results: RunResults, plot: Plot) -> dict[str, Any]:
    assert plot.chart is not None
    return chart_json(plot.chart, {row.id: index for index, row in enumerate(trial_rows(results))})


def points(x: Any, y: Any) -> Points:
    return sorted((float(a), float(b)) for a, b in zip(x, y, strict=True))


def on_paper(axes: Axes) -> Points:
    """Of lines, dots and bars."""
    lines = [
        points(line.get_xdata(), line.get_ydata())
        for line in axes.get_lines()
        if len(line.get_xdata()) and _own(axes, line)
    ]
    dots = [
        points(*one.get_offsets().T)
        for one in axes.collections
        if isinstance(one, PathCollection) and len(one.get_offsets())
    ]
    bars = [
        [(float(bar.get_width()), float(bar.get_y() + bar.get_height() / 2)) for bar in group] for group in axes.containers
    ]  # fmt: skip
    return sorted(one for part in (*lines, *dots, *bars) for one in part)


def _own(axes: Axes, line: Any) -> bool:
    """Not a mark through the whole panel."""
    return line.get_transform() == axes.transData


def on_screen(panel: dict[str, Any]) -> Points:
    traces = [one for one in panel["data"] if one["type"] in ("scatter", "bar") and "fill" not in one]
    return sorted(point for one in traces for point in points(one["x"], one["y"]))


def test_both_have_the_same_points(results: RunResults, plots: dict[str, Plot]) -> None:
    compared = 0
    for plot in plots.values():
        if plot.chart is None or plot.chart.parallel or plot.name.startswith("kept-structure"):
            continue
        drawn = told(results, plot)["panels"]
        for axes, panel in zip(plot.figure.axes, drawn, strict=False):
            paper, screen = on_paper(axes), on_screen(panel)
            assert np.allclose(np.array(paper), np.array(screen), rtol=1e-5), plot.name
            compared += len(paper)
    assert {"accuracy-by-removed", "accuracy-by-macs", "search-history", "settings", "classes"} <= plots.keys()
    assert compared > 100


def test_bands_have_the_same_edges(results: RunResults, plots: dict[str, Plot]) -> None:
    plot = plots["accuracy-by-removed"]
    (axes,) = plot.figure.axes
    paper = [band.get_paths()[0].vertices for band in axes.collections if isinstance(band, FillBetweenPolyCollection)]
    screen = [one for one in told(results, plot)["panels"][0]["data"] if one.get("fill") == "toself"]
    assert len(paper) == len(screen) == 2
    for vertices, trace in zip(paper, screen, strict=True):
        found = set(zip(trace["x"], trace["y"], strict=True))
        assert all(any(np.allclose(corner, one, rtol=1e-5) for one in found) for corner in vertices)


def test_cells_have_the_same_shares_and_words(results: RunResults, plots: dict[str, Plot]) -> None:
    plot = plots["kept-structure-rsst"]
    for axes, panel in zip(plot.figure.axes, told(results, plot)["panels"], strict=True):
        (cells,) = panel["data"]
        assert [text.get_text() for text in axes.texts] == cells["text"]
        assert np.allclose([patch.get_alpha() for patch in axes.patches], cells["z"], rtol=1e-5)


def test_parallel_coordinates_have_the_same_places(results: RunResults, plots: dict[str, Plot]) -> None:
    plot = plots["parallel-coordinates"]
    (axes,) = plot.figure.axes
    (trace,) = told(results, plot)["panels"][0]["data"]
    lines = [line.get_ydata() for line in axes.get_lines() if len(line.get_ydata())]
    for column, dimension in enumerate(trace["dimensions"]):
        low, high = dimension["range"]
        heights = (np.array(dimension["values"]) - low) / (high - low)
        assert np.allclose([line[column] for line in lines], heights, atol=1e-4)


def test_a_point_names_its_trial_and_state(results: RunResults, plots: dict[str, Plot]) -> None:
    rows = [row.id for row in trial_rows(results)]
    dots = [one for one in told(results, plots["accuracy-by-macs"])["panels"][0]["data"] if one["mode"] == "markers"]
    row, state = dots[1]["customdata"][3]
    end = results.trials[row].states[state]
    assert rows[row].startswith("rsst")
    assert (dots[1]["x"][3], dots[1]["y"][3]) == pytest.approx((100 * end.macs / 1e7, 100 * end.val_accuracy), rel=1e-5)


def test_an_axis_is_logarithmic_where_the_search_was_and_not_where_it_was_not(tmp_path: Path) -> None:
    space = {"train.lr": {"log_uniform": [1e-4, 1e-2]}, "train.weight_decay": {"uniform": [0.001, 0.5]}}
    made = MadeRun(tmp_path / "run", study={"space": space})
    for number in range(4):
        values = {"train.lr": 0.001 * (1 + number / 10), "train.weight_decay": 0.001 + 0.1 * number}
        made.add("refill", falling(0.8 + number / 50), number=number, values=values)
    results = load_results(made.path)
    found = {plot.name: plot for plot in run_plots(results, compare(results))}["settings"]
    scales = {axes.get_xlabel(): axes.get_xscale() for axes in found.figure.axes}
    assert scales == {"train.lr (log)": "log", "train.weight_decay": "linear"}
    told_axes = [panel["layout"]["xaxis"] for panel in told(results, found)["panels"]]
    assert [axis.get("type") for axis in told_axes] == ["log", None]


def test_bars_are_as_long_on_both() -> None:
    bars = Series(shape="bars", x=(0.25, 0.75), y=(0.0, 1.0), size=0.6, entry="one")
    chart = Chart(panels=(Panel(y=Axis(names=("first", "second")), series=(bars,)),))
    (axes,) = figure_of(chart).axes
    (panel,) = chart_json(chart, {})["panels"]
    assert np.allclose(on_paper(axes), on_screen(panel))
    assert on_screen(panel) == [(0.25, 0.0), (0.75, 1.0)]
    assert panel["layout"]["yaxis"]["ticktext"] == ["first", "second"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["first", "second"]


def test_marks_and_axes_are_told_to_both() -> None:
    line = Series(shape="line", x=(1.0, 2.0), y=(3.0, 4.0), entry="one")
    panel = Panel(
        x=Axis(falling=True),
        y=Axis(span=(0, 5)),
        series=(line,),
        marks=(Mark(axis="x", at=1.5), Mark(axis="y", at=1, to=2)),
    )
    chart = Chart(panels=(panel,))
    (axes,) = figure_of(chart).axes
    assert axes.xaxis.get_inverted()
    assert axes.get_ylim() == (0, 5)
    layout = chart_json(chart, {})["panels"][0]["layout"]
    assert layout["xaxis"]["autorange"] == "reversed"
    assert layout["yaxis"]["range"] == [0, 5]
    assert [(one["type"], one.get("x0"), one.get("x1")) for one in layout["shapes"]] == [
        ("line", 1.5, 1.5),
        ("rect", 0, 1),
    ]


def test_a_logarithmic_axis_has_powers_of_ten_in_plain_letters() -> None:
    line = Series(shape="line", x=(2e-4, 3e2), y=(3e-5, 4e6), entry="one")
    chart = Chart(panels=(Panel(x=Axis(log=True), y=Axis(log=True), series=(line,)),))
    figure = figure_of(chart)
    figure.canvas.draw()
    (axes,) = figure.axes
    for axis in (axes.xaxis, axes.yaxis):
        texts = {label.get_text() for label in axis.get_ticklabels(which="both")}
        assert {"10⁻³", "10¹"} <= texts
        assert not {text for text in texts if "$" in text}
