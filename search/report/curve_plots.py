"""Accuracy along the states: against what was removed, and against MACs with the Pareto front."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from search.evidence.contrasts import trial_curve
from search.report.drawing import DASHES, FAINT, INK, MARKERS, Plot, colour, house_style, new_figure
from search.run.candidates import all_candidates, macs_of, pareto
from search.run.curves import Axis, Curve
from search.run.results import RunResults, arm_names, best_of_arm
from search.run.trials import RecordedTrial, states_of


def accuracy_by_removed(results: RunResults) -> Plot:
    """Mean validation accuracy of each arm's confirm trials with the range over seeds; else its best search trial."""
    return _accuracy_plot(results, "removed_percent")


def accuracy_by_macs(results: RunResults) -> Plot:
    return _accuracy_plot(results, "macs")


def shown_trials(results: RunResults, arm: str) -> list[RecordedTrial]:
    """What stands for an arm in a plot: its finished confirm trials, else its best search trial."""
    confirmed = [view for view in results.of_arm(arm, "confirm") if view.status == "finished" and states_of(view)]
    best = best_of_arm(results, arm)
    return confirmed or ([best] if best else [])


def accuracy_by_cost(results: RunResults) -> Plot:
    """Against what training had cost by each state's end: one arm may get there with more training than another."""
    return _accuracy_plot(results, "training_macs")


@dataclass(frozen=True)
class AxisText:
    """How an axis is named: in file names, in the title, beside the axis, and what a place is multiplied with."""

    file: str
    what: str
    label: str
    scale: float


AXES: dict[Axis, AxisText] = {
    "removed_percent": AxisText("removed", "what was removed", "removed, % of prunable parameters", 1.0),
    "macs": AxisText("macs", "MACs", "MACs, % of dense", 100.0),
    "training_macs": AxisText("cost", "training cost", "training MACs so far, T", 1e-12),
}


def _accuracy_plot(results: RunResults, axis: Axis) -> Plot:
    text = AXES[axis]
    with house_style():
        figure = new_figure()
        axes = figure.add_subplot()
        described = []
        for index, arm in enumerate(arm_names(results)):
            curves = [trial_curve(view, axis, "val_accuracy") for view in shown_trials(results, arm)]
            if not curves:
                continue
            places, values = _on_common_places(curves)
            mean = values.mean(axis=0)
            label = f"{arm} ({len(curves)} seeds)" if len(curves) > 1 else f"{arm} (best of search)"
            axes.plot(
                text.scale * places, 100 * mean, marker=MARKERS[index % 8], markersize=5, linestyle=DASHES[index % 8],
                color=colour(index), label=label,
            )  # fmt: skip
            if len(curves) > 1:
                low, high = 100 * values.min(axis=0), 100 * values.max(axis=0)
                axes.fill_between(text.scale * places, low, high, color=colour(index), alpha=0.18, linewidth=0)
            described.append(f"{arm}: {_range_text(places * text.scale, mean)}")
        if axis == "macs":
            _draw_front(results, axes)
            axes.invert_xaxis()
        axes.set_xlabel(text.label)
        axes.set_ylabel("validation accuracy, %")
        figure.legend(loc="outside upper right", ncols=3)
    note = {
        "removed_percent": "",
        "macs": " The grey line is the Pareto front over all states of all trials.",
        "training_macs": " At one cost the arms may stand at different sizes; the last marker is each one's smallest.",
    }[axis]
    return Plot(
        name=f"accuracy-by-{text.file}",
        title=f"Accuracy against {text.what}",
        caption=f"Each marker is a state's last epoch; bands span the seeds.{note}",
        alternative=f"Validation accuracy against {text.what}. {'; '.join(described)}.",
        figure=figure,
    )


def _on_common_places(curves: Sequence[Curve]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The mean place of each state and the accuracies there, one row per trial; trials of an arm share their states.

    Where one trial has fewer places than another, those from the dense end on are shown.
    """
    length = min(len(curve.x) for curve in curves)
    dense_last = curves[0].x[-1] == 1.0
    shown = slice(-length, None) if dense_last else slice(0, length)
    places = np.array([curve.x[shown] for curve in curves])
    values = np.array([curve.y[shown] for curve in curves])
    return places.mean(axis=0), values


def _draw_front(results: RunResults, axes: Axes) -> None:
    candidates = all_candidates(results)
    front = pareto(candidates, macs_of)
    shares = [100 * one.macs_share for one in candidates]
    axes.scatter(shares, [100 * one.state.val_accuracy for one in candidates], s=8, color=FAINT, alpha=0.5, linewidth=0)
    axes.step(
        [100 * one.macs_share for one in front], [100 * one.state.val_accuracy for one in front],
        where="post", color=INK, alpha=0.5, linewidth=1.2, label="Pareto front, all states",
    )  # fmt: skip


def _range_text(places: NDArray[np.float64], mean: NDArray[np.float64]) -> str:
    first, last = (0, -1) if places[0] <= places[-1] else (-1, 0)
    return f"{100 * mean[first]:.1f} % at {places[first]:.3g}, {100 * mean[last]:.1f} % at {places[last]:.3g}"
