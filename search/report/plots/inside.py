"""Inside TwistNet's blocks: how strong their interactions are, how far each head's gate is open, and its mean products."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from search.evidence.selection import final_trial
from search.report.charts.drawing import Plot, new_figure
from search.report.charts.theme import DASHES, colour
from search.run.results import RunResults
from search.run.trials import RecordedTrial

Inside = Mapping[str, Mapping[str, Any]]
COLUMNS = 3
ANGLES = ("0°", "45°", "90°", "135°")
"""Of a block's heads, in order."""
NUMBERS = tuple(str(number) for number in range(1, 9))
"""Of a head's features."""


def inside_plots(results: RunResults, arm: str) -> list[Plot]:
    """Of the trial that `export` takes of an arm, confirmed where one is, where its network has such blocks."""
    trial = final_trial(results, arm)
    lines = [line for line in trial.record.epochs if "inside" in line] if trial and trial.record else []
    if trial is None or not lines:
        return []
    shown = f"{arm}, {trial.id} ({_which(results, trial)})"
    plots = [_over_epochs(trial, arm, shown, lines), _products(trial, arm, shown, lines)]
    return [plot for plot in plots if plot is not None]


def _which(results: RunResults, trial: RecordedTrial) -> str:
    phase = "a confirm trial" if trial.identity.phase == "confirm" else "one trial"
    winner = final_trial(results)
    whose = "`prunetune export` takes" if winner and winner.id == trial.id else "`prunetune export --arm` takes"
    return f"{phase}, the one that {whose}"


def _over_epochs(trial: RecordedTrial, arm: str, shown: str, lines: Sequence[Mapping[str, Any]]) -> Plot:
    last: Inside = lines[-1]["inside"]
    gated = [block for block, told in last.items() if "gate" in told]
    rows = -(-(1 + len(gated)) // COLUMNS)
    with new_figure(height=0.7 + 2.2 * rows) as figure:
        panels = list(np.ravel(figure.subplots(rows, min(COLUMNS, 1 + len(gated)), squeeze=False, sharex=True)))
        for index, block in enumerate(last):
            _curve(panels[0], lines, block, lambda told: told["strength"], len(ANGLES) + index, block)
        panels[0].set_title("strength, sigmoid(gamma)", fontsize=9)
        for panel, block in zip(panels[1:], gated, strict=False):
            for head, angle in enumerate(ANGLES):
                _curve(panel, lines, block, lambda told, head=head: told["gate"][head], head, angle)
            panel.set_title(f"gate, {block}", fontsize=9)
        for panel in panels[: 1 + len(gated)]:
            # A factor's whole range: an axis that fits itself shows differences of a thousandth as structure.
            panel.set(ylim=(0, 1), yticks=(0, 0.25, 0.5, 0.75, 1))
        for panel in panels[1 + len(gated) :]:
            panel.set_visible(False)
        _legends(figure, panels[0], panels[1] if gated else None)
        panels[0].xaxis.set_major_locator(MaxNLocator(integer=True))
        figure.supxlabel("epochs", fontsize=10)
    strengths = ", ".join(f"{block} {told['strength']:.3g}" for block, told in last.items())
    words = f"Strength of the interactions by block, and each head's gate, over epochs of {trial.id}. At the end: {strengths}."
    caption = (
        f"{shown}: how much of its interactions a block adds, and the mean factor of each head's gate, on validation "
        "images after each epoch; both are sigmoids, of which the whole range is shown. A curve ends where the head is removed."
    )
    if gated:
        caption += (
            " A gate at 0.5 is sigmoid(0): it says nothing of its head where the head's weights are shrunk to 0, as rsst does "
            "before it removes it."
        )
    return Plot(f"inside-{_file(arm)}", words, figure, caption=caption)


def _legends(figure: Figure, strength: Axes, gate: Axes | None) -> None:
    """The blocks' and the angles' curves have colours of their own."""
    blocks = strength.get_legend_handles_labels()
    figure.legend(*blocks, loc="outside upper left", ncols=-(-len(blocks[1]) // 2), fontsize=8, title="block")
    if gate is not None:
        angles = gate.get_legend_handles_labels()
        figure.legend(*angles, loc="outside upper right", ncols=len(angles[1]), fontsize=8, title="head")


def _curve(axes: Axes, lines: Sequence[Mapping[str, Any]], block: str, value: Any, index: int, label: str) -> None:
    found = [(line["epochs_total"], value(line["inside"][block])) for line in lines]
    there = [(epoch, one) for epoch, one in found if one is not None]
    style = {"color": colour(index), "markersize": 5, "linestyle": DASHES[index % len(DASHES)]}
    marker = "" if len(there) > 1 else "o"
    axes.plot([epoch for epoch, _ in there], [one for _, one in there], label=label, marker=marker, **style)


def _products(trial: RecordedTrial, arm: str, shown: str, lines: Sequence[Mapping[str, Any]]) -> Plot | None:
    """The tables of the last state that ended; None where the network makes no products, or has no head left."""
    ended = [line["inside"] for line in lines if any("products" in told for told in line["inside"].values())]
    if not ended:
        return None
    tables = {block: told["products"] for block, told in ended[-1].items() if "products" in told}
    heads = max(map(len, tables.values()))
    with new_figure(height=1.3 + 1.8 * len(tables)) as figure:
        above, below = np.ravel(figure.subfigures(2, 1, squeeze=False, height_ratios=(1.8 * len(tables), 0.7)))
        for row, (block, of_block) in zip(
            above.subplots(len(tables), heads, squeeze=False), tables.items(), strict=True
        ):
            largest = max(abs(one) for table in of_block if table for line in table for one in line if one is not None)
            for number, (axes, table) in enumerate(zip(row, of_block, strict=True)):
                _draw_table(axes, table, largest or 1.0)
                axes.set_title(f"{block}, {ANGLES[number]}", fontsize=8)
            row[0].set_ylabel(f"largest {largest:.2g}", fontsize=7)
        _draw_scale(below.add_subplot())
    words = f"Mean products of features, by block and head, of {trial.id}. Largest: {'; '.join(map(_largest, tables.items()))}."
    caption = (
        f"{shown}, last state: mean products of a pixel's feature (row) and its neighbour's in the head's direction "
        "(column) on validation images, as shares of the block's largest, which stands beside its row. "
        "Of products i ≤ j the mirror is left empty; an empty table is a head that is gone."
    )
    return Plot(f"inside-products-{_file(arm)}", words, figure, caption=caption)


def _draw_table(axes: Axes, table: Sequence[Sequence[float | None]] | None, largest: float) -> None:
    cells = [(column, row, one) for row, line in enumerate(table or ()) for column, one in enumerate(line)]
    there = [(column, row, one) for column, row, one in cells if one is not None]
    axes.grid(visible=False)
    axes.set(xlim=(-0.5, 7.5), ylim=(7.5, -0.5), aspect="equal")
    axes.set_xticks(range(8), NUMBERS, fontsize=6)
    axes.set_yticks(range(8), NUMBERS, fontsize=6)
    axes.tick_params(length=0, pad=1)
    _draw_squares(axes, there, largest, 52)


def _draw_scale(axes: Axes) -> None:
    """Which colour and strength stand for which share."""
    axes.grid(visible=False)
    _draw_squares(axes, [(step, 0, step / 4) for step in range(-4, 5)], 1.0, 90)
    axes.set(xlim=(-18, 18), ylim=(-1, 1), yticks=())
    axes.set_xticks((-4, -2, 0, 2, 4), ("−1", "−0.5", "0", "0.5", "1"), fontsize=7)
    axes.set_xlabel("mean product over the block's largest", fontsize=8)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _draw_squares(axes: Axes, there: Sequence[tuple[int, int, float]], largest: float, size: float) -> None:
    """(column, row, value) each as a square, the fuller the larger the value, below zero in the other colour."""
    for sign, shade in ((1, colour(0)), (-1, colour(1))):
        own = [(column, row, abs(one)) for column, row, one in there if one * sign > 0]
        if own:
            columns, rows, sizes = zip(*own, strict=True)
            shades = [to_rgba(shade, one / largest) for one in sizes]
            axes.scatter(columns, rows, s=size, marker="s", c=shades, linewidths=0)


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
