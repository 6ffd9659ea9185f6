"""Accuracy along the states: against what was removed, and against MACs with the Pareto front."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from search.arms import arm_names, states_of
from search.cells import trial_curve
from search.curves import Axis, Curve
from search.report.drawing import DASHES, FAINT, INK, MARKERS, Plot, colour, house_style, new_figure
from search.results import RunResults, TrialView, best_of_arm
from search.selection import all_candidates, macs_of, pareto


def accuracy_by_removed(results: RunResults) -> Plot:
    """Mean validation accuracy of each arm's confirm trials with the range over seeds; else its best search trial."""
    return _accuracy_plot(results, "removed_percent")


def accuracy_by_macs(results: RunResults) -> Plot:
    return _accuracy_plot(results, "macs")


def shown_trials(results: RunResults, arm: str) -> list[TrialView]:
    """What stands for an arm in a plot: its finished confirm trials, else its best search trial."""
    confirmed = [view for view in results.of_arm(arm, "confirm") if view.status == "finished" and states_of(view)]
    best = best_of_arm(results, arm)
    return confirmed or ([best] if best else [])


def _accuracy_plot(results: RunResults, axis: Axis) -> Plot:
    scale = 1.0 if axis == "removed_percent" else 100.0
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
                scale * places, 100 * mean, marker=MARKERS[index % 8], markersize=5, linestyle=DASHES[index % 8],
                color=colour(index), label=label,
            )  # fmt: skip
            if len(curves) > 1:
                low, high = 100 * values.min(axis=0), 100 * values.max(axis=0)
                axes.fill_between(scale * places, low, high, color=colour(index), alpha=0.18, linewidth=0)
            described.append(f"{arm}: {_range_text(places * scale, mean)}")
        if axis == "macs":
            _draw_front(results, axes)
            axes.invert_xaxis()
        axes.set_xlabel("removed, % of prunable parameters" if axis == "removed_percent" else "MACs, % of dense")
        axes.set_ylabel("validation accuracy, %")
        axes.legend(loc="best")
    what = "what was removed" if axis == "removed_percent" else "MACs"
    front = " The grey line is the Pareto front over all states of all trials." if axis == "macs" else ""
    return Plot(
        name=f"accuracy-by-{'removed' if axis == 'removed_percent' else 'macs'}",
        title=f"Accuracy against {what}",
        caption=f"Each marker is a state's last epoch; bands span the seeds.{front}",
        alternative=f"Validation accuracy against {what}. {'; '.join(described)}.",
        figure=figure,
    )


def _on_common_places(curves: Sequence[Curve]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The mean place of each state and the accuracies there, one row per trial; trials of an arm share their states."""
    length = min(len(curve.x) for curve in curves)
    places = np.array([curve.x[:length] if curve.x[0] == 0 else curve.x[-length:] for curve in curves])
    values = np.array([curve.y[:length] if curve.x[0] == 0 else curve.y[-length:] for curve in curves])
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
    return f"{100 * mean[first]:.1f} % at {places[first]:.1f}, {100 * mean[last]:.1f} % at {places[last]:.1f}"
