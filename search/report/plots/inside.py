"""Inside TwistNet's blocks: how strong their interactions are, how far each head's gate is open, and its mean products."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.ticker import MaxNLocator

from search.report.plots.drawing import Plot, arm_line, colour, legend_above, new_figure
from search.run.results import RunResults
from search.run.trials import RecordedTrial

Inside = Mapping[str, Mapping[str, Any]]
COLUMNS = 3
ANGLES = ("0°", "45°", "90°", "135°")
"""Of a block's heads, in order."""


def inside_plots(results: RunResults, arm: str) -> list[Plot]:
    """Of the trial that the study's objective chooses for an arm, where its network has such blocks."""
    trial = results.best_of_arm(arm)
    lines = [line for line in trial.record.epochs if "inside" in line] if trial and trial.record else []
    if trial is None or not lines:
        return []
    plots = [_over_epochs(trial, arm, lines), _products(trial, arm, lines)]
    return [plot for plot in plots if plot is not None]


def _over_epochs(trial: RecordedTrial, arm: str, lines: Sequence[Mapping[str, Any]]) -> Plot:
    last: Inside = lines[-1]["inside"]
    gated = [block for block, told in last.items() if "gate" in told]
    rows = -(-(1 + len(gated)) // COLUMNS)
    with new_figure(height=0.7 + 2.2 * rows) as figure:
        panels = list(np.ravel(figure.subplots(rows, min(COLUMNS, 1 + len(gated)), squeeze=False, sharex=True)))
        for index, block in enumerate(last):
            _curve(panels[0], lines, block, lambda told: told["strength"], index, block)
        panels[0].set_title("strength, sigmoid(gamma)", fontsize=9)
        panels[0].legend(fontsize=7)
        for panel, block in zip(panels[1:], gated, strict=False):
            for head, angle in enumerate(ANGLES):
                _curve(panel, lines, block, lambda told, head=head: told["gate"][head], head, angle)
            panel.set_title(f"gate, {block}", fontsize=9)
        for panel in panels[1 + len(gated) :]:
            panel.set_visible(False)
        if gated:
            legend_above(figure, axes=panels[1])
        panels[0].xaxis.set_major_locator(MaxNLocator(integer=True))
        figure.supxlabel("epochs", fontsize=10)
    strengths = ", ".join(f"{block} {told['strength']:.3g}" for block, told in last.items())
    words = f"Strength of the interactions by block, and each head's gate, over epochs of {trial.id}. At the end: {strengths}."
    caption = (
        f"{arm}, {trial.id}: how much of its interactions a block adds, and the mean factor of each head's gate, on validation "
        "images after each epoch. A curve ends where the head is removed."
    )
    return Plot(f"inside-{_file(arm)}", words, figure, caption=caption)


def _curve(axes: Axes, lines: Sequence[Mapping[str, Any]], block: str, value: Any, index: int, label: str) -> None:
    found = [(line["epochs_total"], value(line["inside"][block])) for line in lines]
    there = [(epoch, one) for epoch, one in found if one is not None]
    style = arm_line(index) | {"marker": "" if len(there) > 1 else "o"}
    axes.plot([epoch for epoch, _ in there], [one for _, one in there], label=label, **style)


def _products(trial: RecordedTrial, arm: str, lines: Sequence[Mapping[str, Any]]) -> Plot | None:
    """The tables of the last state that ended; None where the network makes no products, or has no head left."""
    ended = [line["inside"] for line in lines if any("products" in told for told in line["inside"].values())]
    if not ended:
        return None
    tables = {block: told["products"] for block, told in ended[-1].items() if "products" in told}
    heads = max(map(len, tables.values()))
    with new_figure(height=0.6 + 1.7 * len(tables)) as figure:
        for row, (block, of_block) in zip(
            figure.subplots(len(tables), heads, squeeze=False), tables.items(), strict=True
        ):
            largest = max(abs(one) for table in of_block if table for line in table for one in line if one is not None)
            for number, (axes, table) in enumerate(zip(row, of_block, strict=True)):
                _draw_table(axes, table, largest or 1.0)
                axes.set_title(f"{block}, {ANGLES[number]}", fontsize=8)
    words = f"Mean products of features, by block and head, of {trial.id}. Largest: {'; '.join(map(_largest, tables.items()))}."
    caption = (
        f"{arm}, {trial.id}, last state: mean products of a pixel's feature (row) and its neighbour's in the head's direction "
        "(column) on validation images; the fuller, the larger, up to the block's largest, and below zero in the other colour. "
        "Of products i ≤ j the mirror is left empty; an empty table is a head that is gone."
    )
    return Plot(f"inside-products-{_file(arm)}", words, figure, caption=caption)


def _draw_table(axes: Axes, table: Sequence[Sequence[float | None]] | None, largest: float) -> None:
    cells = [(column, row, one) for row, line in enumerate(table or ()) for column, one in enumerate(line)]
    there = [(column, row, one) for column, row, one in cells if one is not None]
    axes.grid(visible=False)
    axes.set(xlim=(-0.5, 7.5), ylim=(7.5, -0.5), xticks=(), yticks=(), aspect="equal")
    for sign, shade in ((1, colour(0)), (-1, colour(1))):
        own = [(column, row, abs(one)) for column, row, one in there if one * sign > 0]
        if own:
            columns, rows, sizes = zip(*own, strict=True)
            shades = [to_rgba(shade, size / largest) for size in sizes]
            axes.scatter(columns, rows, s=52, marker="s", c=shades, linewidths=0)


def _largest(named: tuple[str, Sequence[Any]]) -> str:
    block, tables = named
    value, head, row, column = max(
        (abs(one), number, row, column)
        for number, table in enumerate(tables)
        for row, line in enumerate(table or ())
        for column, one in enumerate(line)
        if one is not None
    )
    return f"{block} {value:.3g} at {ANGLES[head]} ({row + 1}, {column + 1})"


def _file(arm: str) -> str:
    return re.sub(r"[^\w-]+", "-", arm)
