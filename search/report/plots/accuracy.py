"""Accuracy along the states: against what was removed, and against MACs with the Pareto front."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from search.report.plots.drawing import FAINT, INK, Plot, arm_line, colour, legend_above, new_figure
from search.run.candidates import all_candidates, pareto
from search.run.curves import Axis, Curve
from search.run.results import RunResults

MANY_DOTS = 2000
"""Of more, those are left out that would lie on another."""
PLACES = 400
"""Across a panel and up it, at each of which one dot is enough: they are closer than a dot is wide."""


@dataclass(frozen=True)
class AxisText:
    """How an axis is named: in file names, in words, beside the axis; and what its values are multiplied with."""

    file: str
    what: str
    label: str
    scale: float


AXES: dict[Axis, AxisText] = {
    "removed_percent": AxisText("removed", "what was removed", "removed, % of prunable parameters", 1.0),
    "macs": AxisText("macs", "MACs", "MACs, % of dense", 100.0),
    "training_macs": AxisText("cost", "training cost", "training MACs so far, T", 1e-12),
}


def accuracy_plot(results: RunResults, axis: Axis) -> Plot | None:
    """Mean validation accuracy of each arm's confirm trials with the range over them; else its best search trial. Recipes
    with different schedules are a line each, hollow where the recipe is another arm's.

    Over what was removed, over MACs with the Pareto front, or over what training had cost by each state's end: one arm
    may get as far with more training than another. None where there is nothing to draw.
    """
    text = AXES[axis]
    described = []
    with new_figure() as figure:
        axes = figure.add_subplot()
        for index, arm in enumerate(results.arm_names):
            for hollow, (name, trials) in enumerate(results.by_recipe(arm).items()):
                places, values = _on_common_places([trial.curve(axis) for trial in trials], text.scale)
                _draw_arm(axes, index, name, places, values, bool(hollow))
                described.append(f"{name}: {_range_text(places, values.mean(axis=0))}")
        if axis == "macs":
            _draw_front(results, axes)
            axes.invert_xaxis()
        if not axes.has_data():
            return None
        axes.set_xlabel(text.label)
        axes.set_ylabel("validation accuracy, %")
        legend_above(figure, columns=2 if len(described) > len(results.arm_names) else 3)
    words = f"Validation accuracy against {text.what}. {'; '.join(described) or 'No arm has chosen a network'}."
    return Plot(f"accuracy-by-{text.file}", words, figure)


def _draw_arm(
    axes: Axes, index: int, name: str, places: NDArray[np.float64], values: NDArray[np.float64], hollow: bool
) -> None:
    trials = len(values)
    label = f"{name} ({trials} trials)" if trials > 1 else f"{name} (best of search)"
    style = {**arm_line(index), "fillstyle": "none" if hollow else "full"}
    axes.plot(places, 100 * values.mean(axis=0), label=label, **style)
    if trials > 1:
        low, high = 100 * values.min(axis=0), 100 * values.max(axis=0)
        axes.fill_between(places, low, high, color=colour(index), alpha=0.18, linewidth=0)


def _on_common_places(curves: Sequence[Curve], scale: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The mean place of each state, times `scale`, and the accuracies there, one row per trial.

    Trials of an arm share their states. Where one trial has fewer places than another, those from the dense end on are shown.
    """
    length = min(len(curve.x) for curve in curves)
    dense_last = curves[0].x[-1] == 1.0
    shown = slice(-length, None) if dense_last else slice(0, length)
    places = np.array([curve.x[shown] for curve in curves])
    values = np.array([curve.y[shown] for curve in curves])
    return scale * places.mean(axis=0), values


def _draw_front(results: RunResults, axes: Axes) -> None:
    candidates = all_candidates(results)
    front = pareto(candidates, "macs")
    dots = apart(np.array([(100 * one.macs_share, 100 * one.state.val_accuracy) for one in candidates]).reshape(-1, 2))
    axes.scatter(dots[:, 0], dots[:, 1], s=8, color=FAINT, alpha=0.5, linewidth=0)
    axes.step(
        [100 * one.macs_share for one in front], [100 * one.state.val_accuracy for one in front],
        where="post", color=INK, alpha=0.5, linewidth=1.2, label="Pareto front, all states",
    )  # fmt: skip


def apart(dots: NDArray[np.float64]) -> NDArray[np.float64]:
    """(dots, 2) in their order; of more than MANY_DOTS only the first at each of PLACES × PLACES places between their ends."""
    if len(dots) <= MANY_DOTS:
        return dots
    low, high = dots.min(axis=0), dots.max(axis=0)
    places = np.round((dots - low) / np.where(high > low, high - low, 1.0) * PLACES)
    _, first = np.unique(places, axis=0, return_index=True)
    return dots[np.sort(first)]


def _range_text(places: NDArray[np.float64], mean: NDArray[np.float64]) -> str:
    first, last = (0, -1) if places[0] <= places[-1] else (-1, 0)
    return f"{100 * mean[first]:.1f} % at {places[first]:.3g}, {100 * mean[last]:.1f} % at {places[last]:.3g}"
