"""Which settings matter: searched keys against accuracy, parallel coordinates, learning rate by epochs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from search.report.plots.drawing import FAINT, Plot, arm_mark, colour, legend_above, log_axis, new_figure
from search.run.results import RunResults
from search.run.trials import RecordedTrial

COLUMNS = 3
RATE_KEY, EPOCH_KEYS = "train.lr", ("train.epochs_per_state", "train.epochs_total")


@dataclass(frozen=True)
class Scale:
    """How a searched key's values are laid out: numbers as they are or by logarithm, anything else by name."""

    key: str
    names: tuple[str, ...]
    ends: tuple[Any, Any]
    log: bool

    def place(self, value: Any) -> float:
        if self.names:
            return float(self.names.index(str(value)))
        return math.log10(value) if self.log else float(value)

    def height(self, trial: RecordedTrial) -> float:
        """0..1 between the ends; a trial whose arm does not have the key passes below them."""
        if self.key not in trial.values:
            return -0.12
        low, high = (self.place(end) for end in self.ends)
        return (self.place(trial.values[self.key]) - low) / (high - low)


def scale_of(trials: Sequence[RecordedTrial], key: str) -> Scale:
    values = [trial.values[key] for trial in trials if key in trial.values]
    if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        names = sorted({str(value) for value in values})
        return Scale(key, tuple(names), (names[0], names[-1]), False)
    low, high = min(values), max(values)
    return Scale(key, (), (low, high), low > 0 and high / low >= 10)


def finished_search(results: RunResults, arm: str) -> list[RecordedTrial]:
    return [trial for trial in results.searched(arm) if trial.finished and trial.values]


def all_finished(results: RunResults) -> list[RecordedTrial]:
    return [trial for arm in results.arm_names for trial in finished_search(results, arm)]


def varied_keys(trials: Sequence[RecordedTrial]) -> list[str]:
    """Searched keys of which at least two values were tried, by name."""
    keys = sorted({key for trial in trials for key in trial.values})
    return [key for key in keys if len({str(trial.values[key]) for trial in trials if key in trial.values}) > 1]


def settings_against_accuracy(results: RunResults) -> Plot | None:
    """A panel per searched key: its value against the last state's validation accuracy, every arm's search trials."""
    trials = all_finished(results)
    keys = varied_keys(trials)
    if not keys:
        return None
    rows = math.ceil(len(keys) / COLUMNS)
    columns = min(COLUMNS, len(keys))
    with new_figure(height=0.5 + 2.3 * rows) as figure:
        panels = np.ravel(figure.subplots(rows, columns, squeeze=False, sharey=True))
        for axes, key in zip(panels, keys, strict=False):
            _draw_setting(axes, results, key, scale_of(trials, key))
        for axes in panels[len(keys) :]:
            axes.set_visible(False)
        for axes in panels[::columns]:
            axes.set_ylabel("validation accuracy, %")
        legend_above(figure, axes=panels[0])
    words = f"Validation accuracy against {', '.join(keys)}, for {len(trials)} search trials."
    return Plot("settings", words, figure)


def _draw_setting(axes: Axes, results: RunResults, key: str, scale: Scale) -> None:
    for index, arm in enumerate(results.arm_names):
        shown = [trial for trial in finished_search(results, arm) if key in trial.values]
        if not shown:
            # An invisible mark keeps every arm in the one legend.
            axes.scatter([], [], s=22, label=arm, **arm_mark(index))
            continue
        places = [scale.place(trial.values[key]) if scale.names else trial.values[key] for trial in shown]
        heights = [100 * trial.last.val_accuracy for trial in shown]
        axes.scatter(places, heights, s=22, alpha=0.8, label=arm, **arm_mark(index))
    if scale.log:
        log_axis(axes)
    if scale.names:
        axes.set_xticks(range(len(scale.names)), scale.names, rotation=20)
        axes.set_xlim(-0.5, len(scale.names) - 0.5)
    axes.set_xlabel(key)


def parallel_coordinates(results: RunResults) -> Plot | None:
    """Every finished search trial as a line over its searched keys to its accuracy; None with fewer than two keys."""
    trials = all_finished(results)
    keys = varied_keys(trials)
    if len(keys) < 2 or len(trials) < 4:
        return None
    names = results.arm_names
    scales = [scale_of(trials, key) for key in keys]
    accuracies = [trial.last.val_accuracy for trial in trials]
    low, high = min(accuracies), max(accuracies)
    ends = [*[_end_texts(scale) for scale in scales], (f"{100 * low:.1f} %", f"{100 * high:.1f} %")]
    with new_figure(height=4.0) as figure:
        axes = figure.add_subplot()
        for trial, accuracy in zip(trials, accuracies, strict=True):
            last = (accuracy - low) / (high - low) if high > low else 0.5
            shade = colour(names.index(trial.identity.arm))
            heights = [*[scale.height(trial) for scale in scales], last]
            axes.plot(range(len(ends)), heights, color=shade, alpha=0.2 + 0.7 * last, linewidth=0.8 + 1.4 * last)
        for index, arm in enumerate(names):
            axes.plot([], [], color=colour(index), label=arm)
        for column, (bottom, top) in enumerate(ends):
            axes.text(column, -0.03, bottom, ha="center", va="top", fontsize=8)
            axes.text(column, 1.03, top, ha="center", va="bottom", fontsize=8)
        labels = [key.replace(".", ".\n", key.count(".") - 1) if key.count(".") > 1 else key for key in keys]
        axes.set_xticks(range(len(ends)), [*labels, "val_accuracy"], fontsize=8)
        axes.tick_params(axis="x", pad=12, length=0)
        axes.set_yticks([])
        axes.grid(axis="y", visible=False)
        axes.spines[:].set_visible(False)
        legend_above(figure)
    reached = f"to validation accuracies of {100 * low:.1f} to {100 * high:.1f} %"
    return Plot("parallel-coordinates", f"{len(trials)} search trials over {', '.join(keys)}, {reached}.", figure)


def _end_texts(scale: Scale) -> tuple[str, str]:
    low, high = (end if scale.names else f"{end:.3g}" for end in scale.ends)
    return low, high


def rate_by_epochs(results: RunResults) -> Plot | None:
    """Learning rate against epochs, coloured by accuracy, per arm; None unless both were searched."""
    searched_keys = varied_keys(all_finished(results))
    epochs = next((key for key in EPOCH_KEYS if key in searched_keys), None)
    if epochs is None or RATE_KEY not in searched_keys:
        return None
    tried = {
        arm: trials
        for arm in results.arm_names
        if (trials := [trial for trial in finished_search(results, arm) if {epochs, RATE_KEY} <= trial.values.keys()])
    }
    if not tried:
        return None
    accuracies = [100 * trial.last.val_accuracy for trials in tried.values() for trial in trials]
    with new_figure(height=3.4) as figure:
        panels = np.ravel(figure.subplots(1, len(tried), squeeze=False, sharex=True, sharey=True))
        for axes, (arm, trials) in zip(panels, tried.items(), strict=True):
            _draw_rates(axes, trials, epochs, (min(accuracies), max(accuracies)))
            axes.set_title(arm)
        panels[0].set_ylabel(epochs)
    words = f"Validation accuracy over learning rate and {epochs} for {', '.join(tried)}."
    return Plot("rate-by-epochs", words, figure)


def _draw_rates(axes: Axes, trials: Sequence[RecordedTrial], epochs: str, span: tuple[float, float]) -> None:
    heights = [100 * trial.last.val_accuracy for trial in trials]
    places = [(trial.values[RATE_KEY], trial.values[epochs]) for trial in trials]
    rates, counts = zip(*places, strict=True)
    axes.scatter(rates, counts, c=heights, s=70, cmap="viridis", vmin=span[0], vmax=span[1], edgecolor=FAINT)
    for place, height in zip(places, heights, strict=True):
        axes.annotate(f"{height:.0f}", place, xytext=(0, 7), textcoords="offset points", fontsize=7, ha="center")
    log_axis(axes)
    axes.set_xlabel(RATE_KEY)
