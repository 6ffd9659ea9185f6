"""A chart drawn by matplotlib, for the files beside the page, for paper, and for a page without scripts."""

from __future__ import annotations

import re

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator, NullFormatter

from search.report.charts.chart import Axis, Chart, ColourScale, Mark, Panel, Parallel, Series
from search.report.charts.drawing import Plot, new_figure
from search.report.charts.powers import Powers
from search.report.charts.theme import DASHES, FAINT, INK, PAPER

STEPS = 24
"""Shades in all; of many more the scale beside the panels would be an image in the page, and not drawn."""
FULL = 0.6
"""Cells that are fuller than this are written on in the paper's colour."""


def plot_of(name: str, alternative: str, chart: Chart, *, arm: str = "", trials: int = 0, caption: str = "") -> Plot:
    """The chart as a figure of the report."""
    return Plot(name, alternative, figure_of(chart), arm, trials, caption, chart)


def figure_of(chart: Chart) -> Figure:
    with new_figure(height=chart.height) as figure:
        if chart.parallel is not None:
            _draw_parallel(figure.add_subplot(), chart.parallel)
        else:
            _draw_panels(figure, chart)
        _legend(figure, chart)
    return figure


def _draw_panels(figure: Figure, chart: Chart) -> None:
    columns = min(chart.columns, len(chart.panels))
    rows = -(-len(chart.panels) // columns)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=chart.shared_x, sharey=chart.shared_y)
    places = list(np.ravel(grid))
    shades = _shades(chart.scale) if chart.scale else None
    for axes, panel in zip(places, chart.panels, strict=False):
        _draw_panel(axes, panel, shades)
    for axes in places[len(chart.panels) :]:
        axes.set_visible(False)
    if chart.shared_y:
        for row in grid:
            for axes in row[1:]:
                axes.set_ylabel("")
    if chart.x_label:
        figure.supxlabel(chart.x_label, fontsize=10)
    if chart.scale and shades:
        figure.colorbar(shades, ax=places[: len(chart.panels)], label=chart.scale.label)


def _draw_panel(axes: Axes, panel: Panel, shades: ScalarMappable | None) -> None:
    for mark in panel.marks:
        _draw_mark(axes, mark)
    for series in panel.series:
        _DRAWN[series.shape](axes, series, shades)
    axes.set_title(panel.title, fontsize=9 if "\n" in panel.title else None)
    axes.set_xlabel(panel.x.label)
    axes.set_ylabel(panel.y.label)
    _set_x(axes, panel.x)
    _set_y(axes, panel.y)


def _set_x(axes: Axes, axis: Axis) -> None:
    if axis.log:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(Powers())
        axes.xaxis.set_minor_formatter(NullFormatter())
    if axis.whole:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if axis.names:
        long = any(len(name) > 3 for name in axis.names)
        axes.set_xticks(range(len(axis.names)), axis.names, rotation=20 if long else 0)
        axes.set_xlim(-0.5, len(axis.names) - 0.5)
    elif axis.span:
        axes.set_xlim(axis.span)
    if axis.falling:
        axes.invert_xaxis()


def _set_y(axes: Axes, axis: Axis) -> None:
    if axis.log:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(Powers())
        axes.yaxis.set_minor_formatter(Powers())
    if axis.names:
        axes.set_yticks(range(len(axis.names)), axis.names)
        axes.grid(axis="y", visible=False)
        axes.set_ylim(len(axis.names) - 0.5, -0.5)
    elif axis.span:
        axes.set_ylim(axis.span)


def _draw_mark(axes: Axes, mark: Mark) -> None:
    upright = mark.axis == "x"
    if mark.to is not None:
        (axes.axvspan if upright else axes.axhspan)(
            mark.at, mark.to, color=mark.colour, alpha=mark.opacity, linewidth=0
        )
        return
    line = axes.axvline if upright else axes.axhline
    line(mark.at, color=mark.colour, linewidth=1, linestyle=DASHES[mark.dash], alpha=mark.opacity)


def _draw_line(axes: Axes, one: Series, _: ScalarMappable | None) -> None:
    axes.plot(
        one.x, one.y, color=one.colour, marker=one.marker, markersize=one.size, alpha=one.opacity, linewidth=one.width,
        linestyle=DASHES[one.dash], fillstyle="none" if one.hollow else "full", label=one.entry or None,
        drawstyle="steps-post" if one.shape == "steps" else "default",
    )  # fmt: skip


def _draw_dots(axes: Axes, one: Series, shades: ScalarMappable | None) -> None:
    coloured = (
        {"c": one.values, "cmap": shades.cmap, "norm": shades.norm} if one.values and shades else {"color": one.colour}
    )
    edge = FAINT if one.values else "none"
    axes.scatter(
        one.x, one.y, s=one.size**2, marker=one.marker or "o", alpha=one.opacity, linewidth=0.8, edgecolor=edge,
        label=one.entry or None, **coloured,
    )  # fmt: skip
    for x, y, text in zip(one.x, one.y, one.labels, strict=False):
        axes.annotate(text, (x, y), xytext=(0, 7), textcoords="offset points", fontsize=7, ha="center")


def _draw_band(axes: Axes, one: Series, _: ScalarMappable | None) -> None:
    axes.fill_between(one.x, one.y, one.upper, color=one.colour, alpha=one.opacity, linewidth=0)


def _draw_bars(axes: Axes, one: Series, _: ScalarMappable | None) -> None:
    axes.barh(one.y, one.x, height=one.size, color=one.colour, label=one.entry or None)


def _draw_cells(axes: Axes, one: Series, _: ScalarMappable | None) -> None:
    """Squares rather than an image, so that each keeps its number and the file stays text; a share is its opacity, so
    that it fades into the page in both themes."""
    axes.grid(visible=False)
    for x, y, share, text in zip(one.x, one.y, one.values, one.labels, strict=True):
        axes.add_patch(Rectangle((x - 0.48, y - 0.46), 0.96, 0.92, facecolor=one.colour, alpha=share, linewidth=0))
        axes.text(x, y, text, ha="center", va="center", fontsize=8, color=PAPER if share > FULL else INK)


_DRAWN = {
    "line": _draw_line,
    "steps": _draw_line,
    "dots": _draw_dots,
    "band": _draw_band,
    "bars": _draw_bars,
    "cells": _draw_cells,
}


def _draw_parallel(axes: Axes, parallel: Parallel) -> None:
    shades = dict(parallel.entries)
    for places, group, strength in zip(parallel.places, parallel.groups, parallel.strengths, strict=True):
        heights = [_height(place, axis.low, axis.high) for place, axis in zip(places, parallel.axes, strict=True)]
        axes.plot(
            range(len(heights)),
            heights,
            color=shades[group],
            alpha=0.2 + 0.7 * strength,
            linewidth=0.8 + 1.4 * strength,
        )
    for group, shade in parallel.entries:
        axes.plot([], [], color=shade, label=group)
    for column, axis in enumerate(parallel.axes):
        axes.text(column, -0.03, axis.ticks[0][1], ha="center", va="top", fontsize=8)
        axes.text(column, 1.03, axis.ticks[-1][1], ha="center", va="bottom", fontsize=8)
    axes.set_xticks(range(len(parallel.axes)), [_broken(axis.label) for axis in parallel.axes], fontsize=8)
    axes.tick_params(axis="x", pad=12, length=0)
    axes.set_yticks([])
    axes.grid(axis="y", visible=False)
    axes.spines[:].set_visible(False)


def _height(place: float | None, low: float, high: float) -> float:
    """0..1 between an axis's ends; a trial whose arm does not have the key passes below them."""
    if place is None:
        return -0.12
    return (place - low) / (high - low) if high > low else 0.5


def _broken(key: str) -> str:
    """A long key in two lines: `prune.rsst.` over `shrink`."""
    return re.sub(r"\.(?=[^.]+$)", ".\n", key) if key.count(".") > 1 else key


def _legend(figure: Figure, chart: Chart) -> None:
    """Outside the panels, each entry once; none where nothing has one."""
    found = [panel.get_legend_handles_labels() for panel in figure.axes]
    entries = {label: handle for handles, labels in found for handle, label in zip(handles, labels, strict=True)}
    if entries:
        figure.legend(list(entries.values()), list(entries), loc="outside upper right", ncols=chart.legend_columns)


def _shades(scale: ColourScale) -> ScalarMappable:
    colours = LinearSegmentedColormap.from_list("values", scale.shades, N=STEPS)
    return ScalarMappable(Normalize(scale.low, scale.high), colours)


def shade_of(scale: ColourScale, value: float) -> str:
    """The colour of one value, as both drawings have it."""
    from matplotlib.colors import to_hex

    return to_hex(_shades(scale).to_rgba(np.array([value]))[0])
