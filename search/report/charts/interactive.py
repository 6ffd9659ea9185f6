"""A chart as Plotly draws it in the page: traces and layouts as plain JSON, with colours as variables of the page's style.

Written without Plotly's own classes, which take a second to import; its JavaScript reads this form as it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from search.report.charts.chart import Axis, Chart, ColourScale, Mark, Panel, Parallel, Ref, Series
from search.report.charts.theme import PLOTLY_DASHES, SYMBOLS, variable

DIGITS = 6
"""Of each number in the page: more than a screen has points."""
INCH = 96
"""Pixels."""
Rows = Mapping[str, int]
"""Trial's id → its row in the page's table of trials."""


def chart_json(chart: Chart, rows: Rows) -> dict[str, Any]:
    """What the page's script draws: a plot for each panel, the legend's entries, and how high a row of panels is."""
    legend = [
        {"name": name, "group": one.group, "colour": variable(one.colour), "shape": one.shape}
        for name, one in chart.entries().items()
    ]
    if chart.parallel is not None:
        entries = [
            {"name": name, "group": name, "colour": variable(shade), "shape": "line"}
            for name, shade in chart.parallel.entries
        ]
        panels, legend = [_parallel_json(chart.parallel, rows)], entries
    else:
        panels = [_panel_json(panel, chart, rows) for panel in chart.panels]
        if chart.scale is not None:
            panels[-1]["data"].append(_scale_trace(chart.scale))
    columns = max(1, min(chart.columns, len(panels)))
    in_rows = -(-len(panels) // columns)
    return {
        "panels": panels,
        "columns": columns,
        "shared": "x" * chart.shared_x + "y" * chart.shared_y,
        "height": round(INCH * chart.height / in_rows),
        "legend": legend,
        "structures": chart.structures,
        "parallel": chart.parallel is not None,
    }


def _panel_json(panel: Panel, chart: Chart, rows: Rows) -> dict[str, Any]:
    x = panel.x if panel.x.label or not chart.x_label else Axis(**{**panel.x.__dict__, "label": chart.x_label})
    layout: dict[str, Any] = {"xaxis": _axis_json(x), "yaxis": _axis_json(panel.y, rows_down=True)}
    if panel.marks:
        layout["shapes"] = [_mark_json(mark) for mark in panel.marks]
    if panel.title:
        layout["title"] = panel.title.replace("\u00a0", " ").split("\n")
    traces = [_TRACES[one.shape](one, chart) | _said(one, rows) for one in panel.series if one.x]
    return {"data": traces, "layout": layout}


def _said(one: Series, rows: Rows) -> dict[str, Any]:
    """What belongs to all traces: the group, and what is said of a point."""
    found: dict[str, Any] = {"legendgroup": one.group or one.entry}
    if one.refs:
        found["customdata"] = [_ref_json(ref, rows) for ref in one.refs]
    if one.texts:
        found["said"] = list(one.texts)
    if one.entry:
        found["name"] = one.entry
    if one.mean:
        found["mean"] = True
    return found


def _ref_json(ref: Ref, rows: Rows) -> list[int | None]:
    trial, state = ref
    return [rows.get(trial), state]


def _axis_json(axis: Axis, *, rows_down: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = {"label": axis.label}
    if axis.log:
        found["type"] = "log"
    if axis.names:
        ends = [-0.5, len(axis.names) - 0.5]
        found |= {
            "tickvals": list(range(len(axis.names))), "ticktext": list(axis.names), "range": ends[::-1] if rows_down else ends,
        }  # fmt: skip
    elif axis.span:
        found["range"] = list(axis.span)
    if axis.whole:
        found["whole"] = True
    if axis.falling:
        found["autorange"] = "reversed"
    return found


def _mark_json(mark: Mark) -> dict[str, Any]:
    along, across = ("x", "y") if mark.axis == "x" else ("y", "x")
    end = mark.at if mark.to is None else mark.to
    shape: dict[str, Any] = {
        "type": "line" if mark.to is None else "rect", f"{along}0": _short(mark.at), f"{along}1": _short(end),
        f"{across}0": 0, f"{across}1": 1, f"{across}ref": f"{across} domain", "opacity": mark.opacity,
        "group": mark.group, "layer": "below",
    }  # fmt: skip
    line = {"color": variable(mark.colour), "width": 1, "dash": PLOTLY_DASHES[mark.dash]}
    return shape | ({"line": line} if mark.to is None else {"fillcolor": variable(mark.colour), "line": {"width": 0}})


def _points(one: Series) -> dict[str, Any]:
    return {"type": "scatter", "x": _numbers(one.x), "y": _numbers(one.y), "opacity": one.opacity}


def _line(one: Series, _: Chart) -> dict[str, Any]:
    shape = {"shape": "hv"} if one.shape == "steps" else {}
    return _points(one) | {
        "mode": "lines+markers" if one.marker else "lines",
        "line": {"color": variable(one.colour), "width": one.width, "dash": PLOTLY_DASHES[one.dash], **shape},
        "marker": _marker(one),
    }


def _dots(one: Series, chart: Chart) -> dict[str, Any]:
    found = _points(one) | {"mode": "markers+text" if one.labels else "markers", "marker": _marker(one)}
    if one.labels:
        found |= {"text": list(one.labels), "textposition": "top center"}
    if one.values and chart.scale:
        found["marker"] |= {
            "color": _numbers(one.values), "cmin": chart.scale.low, "cmax": chart.scale.high,
            "colorscale": _colorscale(chart.scale.shades),
        }  # fmt: skip
    return found


def _marker(one: Series) -> dict[str, Any]:
    symbol = SYMBOLS.get(one.marker, "circle") + ("-open" if one.hollow else "")
    return {"color": variable(one.colour), "symbol": symbol, "size": round(1.4 * one.size, 1)}


def _band(one: Series, _: Chart) -> dict[str, Any]:
    return {
        "type": "scatter", "mode": "lines", "x": _numbers((*one.x, *one.x[::-1])), "y": _numbers((*one.y, *one.upper[::-1])),
        "fill": "toself", "fillcolor": variable(one.colour), "opacity": one.opacity, "line": {"width": 0}, "hoverinfo": "skip",
    }  # fmt: skip


def _bars(one: Series, _: Chart) -> dict[str, Any]:
    return {
        "type": "bar", "orientation": "h", "x": _numbers(one.x), "y": _numbers(one.y), "width": one.size,
        "marker": {"color": variable(one.colour)},
    }  # fmt: skip


def _cells(one: Series, _: Chart) -> dict[str, Any]:
    return {
        "type": "heatmap", "x": _numbers(one.x), "y": _numbers(one.y), "z": _numbers(one.values), "zmin": 0, "zmax": 1,
        "colorscale": [[0, "var(--paper)"], [1, variable(one.colour)]], "showscale": False, "xgap": 2, "ygap": 2,
        "text": list(one.labels), "texttemplate": "%{text}",
    }  # fmt: skip


_TRACES: dict[str, Callable[[Series, Chart], dict[str, Any]]] = {
    "line": _line,
    "steps": _line,
    "dots": _dots,
    "band": _band,
    "bars": _bars,
    "cells": _cells,
}


def _scale_trace(scale: ColourScale) -> dict[str, Any]:
    """A trace without points whose colours stand beside the panel."""
    marker = {
        "color": [scale.low, scale.high], "cmin": scale.low, "cmax": scale.high, "colorscale": _colorscale(scale.shades),
        "showscale": True, "colorbar": {"title": {"text": scale.label, "side": "right"}, "thickness": 12},
    }  # fmt: skip
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [None, None],
        "y": [None, None],
        "marker": marker,
        "hoverinfo": "skip",
    }


def _colorscale(shades: Sequence[str]) -> list[list[Any]]:
    return [[index / (len(shades) - 1), variable(shade)] for index, shade in enumerate(shades)]


def _parallel_json(parallel: Parallel, rows: Rows) -> dict[str, Any]:
    """Plotly's parallel coordinates, which can be brushed. A line without a setting passes below that axis."""
    groups = [group for group, _ in parallel.entries]
    dimensions: list[dict[str, Any]] = []
    for column, axis in enumerate(parallel.axes):
        places = [one[column] for one in parallel.places]
        span = axis.high - axis.low or 1.0
        missing = axis.low - 0.12 * span
        values = [missing if place is None else place for place in places]
        ticks = list(axis.ticks) + ([(missing, "–")] if None in places else [])
        dimensions.append(
            {
                "label": axis.label,
                "values": _numbers(values),
                "range": [_short(missing if None in places else axis.low), _short(axis.low + span)],
                "tickvals": _numbers([place for place, _ in ticks]),
                "ticktext": [text for _, text in ticks],
            }
        )
    trace = {
        "type": "parcoords",
        "dimensions": dimensions,
        "groups": [groups.index(group) for group in parallel.groups],
        "shades": [variable(shade) for _, shade in parallel.entries],
        "strengths": [round(one, 3) for one in parallel.strengths],
        "customdata": [_ref_json(ref, rows) for ref in parallel.refs],
    }
    return {"data": [trace], "layout": {}}


def _numbers(values: Sequence[float]) -> list[float | int | None]:
    return [_short(value) for value in values]


def _short(value: float) -> float | int | None:
    """A number as the page needs it; None where it is none."""
    if not math.isfinite(value):
        return None
    rounded = float(f"{value:.{DIGITS}g}")
    return int(rounded) if rounded.is_integer() else rounded
