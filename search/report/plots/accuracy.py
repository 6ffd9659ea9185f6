"""Accuracy along the states: against what was removed, and against MACs with the Pareto front."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from search.report.charts.chart import Axis, Chart, Panel, Ref, Series, arm_dots, arm_line
from search.report.charts.drawing import Plot
from search.report.charts.static import plot_of
from search.report.charts.theme import INK, colour
from search.run.candidates import Candidate, all_candidates, pareto
from search.run.curves import Axis as CurveAxis
from search.run.curves import Curve
from search.run.results import RunResults
from search.run.trials import RecordedTrial

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


AXES: dict[CurveAxis, AxisText] = {
    "removed_percent": AxisText("removed", "what was removed", "removed, % of prunable parameters", 1.0),
    "macs": AxisText("macs", "MACs", "MACs, % of dense", 100.0),
    "training_macs": AxisText("cost", "training cost", "training MACs so far, T", 1e-12),
}


def accuracy_plot(results: RunResults, axis: CurveAxis) -> Plot | None:
    """Mean validation accuracy of each arm's confirm trials with the range over them; else its best search trial. Recipes
    with different schedules are a line each, hollow where the recipe is another arm's.

    Over what was removed, over MACs with the Pareto front, or over what training had cost by each state's end: one arm
    may get as far with more training than another. None where there is nothing to draw.
    """
    text = AXES[axis]
    described, series = [], list(_states(results) if axis == "macs" else ())
    for index, arm in enumerate(results.arm_names):
        for hollow, (name, trials) in enumerate(results.by_recipe(arm).items()):
            places, values = _on_common_places([trial.curve(axis) for trial in trials], text.scale)
            series += _arm_series(index, arm, name, places, values, bool(hollow), _refs(trials[0], axis, len(places)))
            described.append(f"{name}: {_range_text(places, values.mean(axis=0))}")
    if axis == "macs":
        series.append(_front(results))
    panel = Panel(
        x=Axis(label=text.label, falling=axis == "macs"), y=Axis(label="validation accuracy, %"), series=tuple(series)
    )
    columns = 2 if len(described) > len(results.arm_names) else 3
    chart = Chart(panels=(panel,), legend_columns=columns, structures=axis != "training_macs")
    if chart.empty:
        return None
    words = f"Validation accuracy against {text.what}. {'; '.join(described) or 'No arm has chosen a network'}."
    return plot_of(f"accuracy-by-{text.file}", words, chart)


def _arm_series(
    index: int, arm: str, name: str, places: NDArray[np.float64], values: NDArray[np.float64], hollow: bool,
    refs: Sequence[Ref],
) -> list[Series]:  # fmt: skip
    trials, mean = len(values), (100 * values.mean(axis=0)).tolist()
    several = trials > 1
    entry = f"{name} ({trials} trials)" if several else f"{name} (best of search)"
    low, high = 100 * values.min(axis=0), 100 * values.max(axis=0)
    told = [f"mean of {trials} trials, from {a:.2f} to {b:.2f} %" for a, b in zip(low, high, strict=True)]
    line = arm_line(
        index,
        places.tolist(),
        mean,
        group=arm,
        entry=entry,
        refs=refs,
        texts=told if several else (),
        hollow=hollow,
        mean=several,
    )
    if not several:
        return [line]
    band = Series(
        shape="band", x=line.x, y=tuple(map(float, low)), upper=tuple(map(float, high)), colour=colour(index), group=arm,
        opacity=0.18,
    )  # fmt: skip
    return [line, band]


def _refs(trial: RecordedTrial, axis: CurveAxis, count: int) -> list[Ref]:
    """The states that a trial's points stand for, in the order of its curve."""
    known: dict[float, int] = {getattr(end, axis): end.state for end in trial.states}
    states = [known[place] for place in sorted(known)]
    return [(trial.id, state) for state in (states[-count:] if axis == "macs" else states[:count])]


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


def _states(results: RunResults) -> list[Series]:
    """Every state of every trial as a faint dot of its arm's colour."""
    found = seen(all_candidates(results))
    names = results.arm_names
    by_arm: dict[str, list[Candidate]] = {arm: [] for arm in names}
    for one in found:
        by_arm[one.trial.identity.arm].append(one)
    dots = [
        arm_dots(
            names.index(arm), [100 * one.macs_share for one in of_arm], [100 * one.state.val_accuracy for one in of_arm],
            group=arm, refs=[(one.trial.id, one.state.state) for one in of_arm], size=2.9, opacity=0.4,
        )
        for arm, of_arm in by_arm.items() if of_arm
    ]  # fmt: skip
    return [replace(one, marker="o") for one in dots]


def seen(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Those whose dots can be told apart."""
    dots = [(100 * one.macs_share, 100 * one.state.val_accuracy) for one in candidates]
    return [candidates[place] for place in apart_of(dots)]


def apart_of(dots: Sequence[tuple[float, float]]) -> list[int]:
    """`apart` of plain pairs."""
    return apart(np.array(dots, dtype=np.float64).reshape(-1, 2))


def _front(results: RunResults) -> Series:
    front = pareto(all_candidates(results), "macs")
    return Series(
        shape="steps",
        x=tuple(100 * one.macs_share for one in front),
        y=tuple(100 * one.state.val_accuracy for one in front),
        colour=INK,
        opacity=0.5,
        width=1.2,
        marker="" if len(front) > 1 else "D",
        group="front",
        entry="Pareto front, all states",
        refs=tuple((one.trial.id, one.state.state) for one in front),
    )


def apart(dots: NDArray[np.float64]) -> list[int]:
    """Places of (dots, 2) in their order; of more than MANY_DOTS only the first at each of PLACES × PLACES places between
    their ends."""
    if len(dots) <= MANY_DOTS:
        return list(range(len(dots)))
    low, high = dots.min(axis=0), dots.max(axis=0)
    places = np.round((dots - low) / np.where(high > low, high - low, 1.0) * PLACES)
    _, first = np.unique(places, axis=0, return_index=True)
    return [int(place) for place in np.sort(first)]


def _range_text(places: NDArray[np.float64], mean: NDArray[np.float64]) -> str:
    first, last = (0, -1) if places[0] <= places[-1] else (-1, 0)
    return f"{100 * mean[first]:.1f} % at {places[first]:.3g}, {100 * mean[last]:.1f} % at {places[last]:.3g}"
