"""Which settings matter: searched keys against accuracy, parallel coordinates, importances, lr by epochs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter

from search.report.drawing import FAINT, MARKERS, Plot, colour, house_style, new_figure
from search.report.importances import importances
from search.run.results import RunResults, arm_names, searched
from search.run.trials import RecordedTrial, states_of

COLUMNS = 3


@dataclass(frozen=True)
class Scale:
    """How a searched key's values are laid out: numbers as they are or by logarithm, anything else by name."""

    key: str
    names: tuple[str, ...]
    log: bool

    def place(self, value: Any) -> float:
        if self.names:
            return float(self.names.index(str(value)))
        return math.log10(value) if self.log else float(value)


def finished_search(results: RunResults, arm: str) -> list[RecordedTrial]:
    return [view for view in searched(results, arm) if view.status == "finished" and states_of(view) and view.values]


def scale_of(views: Sequence[RecordedTrial], key: str) -> Scale:
    values = [view.values[key] for view in views if key in view.values]
    if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return Scale(key, tuple(sorted({str(value) for value in values})), False)
    return Scale(key, (), min(values) > 0 and max(values) / min(values) >= 10)


def varied_keys(views: Sequence[RecordedTrial]) -> list[str]:
    """Searched keys of which at least two values were tried, by name."""
    keys = sorted({key for view in views for key in view.values})
    return [key for key in keys if len({str(view.values[key]) for view in views if key in view.values}) > 1]


def settings_against_accuracy(results: RunResults) -> Plot | None:
    """A panel per searched key: its value against the last state's validation accuracy, every arm's search trials."""
    views = [view for arm in arm_names(results) for view in finished_search(results, arm)]
    keys = varied_keys(views)
    if not keys:
        return None
    rows = math.ceil(len(keys) / COLUMNS)
    columns = min(COLUMNS, len(keys))
    with house_style():
        figure = new_figure(height=0.5 + 2.3 * rows)
        panels = np.ravel(figure.subplots(rows, columns, squeeze=False, sharey=True))
        for axes, key in zip(panels, keys, strict=False):
            _draw_setting(axes, results, key, scale_of(views, key))
        for axes in panels[len(keys) :]:
            axes.set_visible(False)
        for axes in panels[::columns]:
            axes.set_ylabel("validation accuracy, %")
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper right", ncols=4)
    return Plot(
        name="settings",
        title="Settings against accuracy",
        caption="One mark per finished search trial, at its last state. Exploratory.",
        alternative=f"Validation accuracy against {', '.join(keys)}, for {len(views)} search trials.",
        figure=figure,
    )


def _draw_setting(axes: Axes, results: RunResults, key: str, scale: Scale) -> None:
    for index, arm in enumerate(arm_names(results)):
        shown = [view for view in finished_search(results, arm) if key in view.values]
        if not shown:
            # An invisible mark keeps every arm in the one legend.
            axes.scatter([], [], s=22, color=colour(index), marker=MARKERS[index % 8], label=arm)
            continue
        places = [scale.place(view.values[key]) if scale.names else view.values[key] for view in shown]
        heights = [100 * states_of(view)[-1].val_accuracy for view in shown]
        axes.scatter(places, heights, s=22, color=colour(index), marker=MARKERS[index % 8], alpha=0.8, label=arm)
    if scale.log:
        axes.set_xscale("log")
        axes.xaxis.set_minor_formatter(NullFormatter())
    if scale.names:
        axes.set_xticks(range(len(scale.names)), scale.names, rotation=20)
        axes.set_xlim(-0.5, len(scale.names) - 0.5)
    axes.set_xlabel(key)


def parallel_coordinates(results: RunResults) -> Plot | None:
    """Every finished search trial as a line over its searched keys to its accuracy; None with fewer than two keys."""
    views = [view for arm in arm_names(results) for view in finished_search(results, arm)]
    keys = varied_keys(views)
    if len(keys) < 2 or len(views) < 4:
        return None
    names = arm_names(results)
    scales = [scale_of(views, key) for key in keys]
    accuracies = [states_of(view)[-1].val_accuracy for view in views]
    low, high = min(accuracies), max(accuracies)
    with house_style():
        figure = new_figure(height=4.0)
        axes = figure.add_subplot()
        axes.grid(axis="y", visible=False)
        for view, accuracy in zip(views, accuracies, strict=True):
            heights = [_height(scale, views, view) for scale in scales]
            last = (accuracy - low) / (high - low) if high > low else 0.5
            axes.plot(
                range(len(keys) + 1), [*heights, last], color=colour(names.index(view.identity.arm)),
                alpha=0.2 + 0.7 * last, linewidth=0.8 + 1.4 * last,
            )  # fmt: skip
        for column, scale in enumerate(scales):
            bottom, top = _ends(scale, views)
            axes.text(column, -0.03, bottom, ha="center", va="top", fontsize=8)
            axes.text(column, 1.03, top, ha="center", va="bottom", fontsize=8)
        axes.text(len(keys), -0.03, f"{100 * low:.1f} %", ha="center", va="top", fontsize=8)
        axes.text(len(keys), 1.03, f"{100 * high:.1f} %", ha="center", va="bottom", fontsize=8)
        labels = [key.replace(".", ".\n", key.count(".") - 1) if key.count(".") > 1 else key for key in keys]
        axes.set_xticks(range(len(keys) + 1), [*labels, "val_accuracy"], fontsize=8)
        axes.tick_params(axis="x", pad=12, length=0)
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
        for index, arm in enumerate(names):
            axes.plot([], [], color=colour(index), label=arm)
        figure.legend(loc="outside upper right", ncols=4)
    return Plot(
        name="parallel-coordinates",
        title="Every configuration tried",
        caption="A line per finished search trial; the stronger, the more accurate. Where it passes below an axis, its arm "
        "does not have that setting. Exploratory.",
        alternative=f"{len(views)} search trials over {', '.join(keys)}, to validation accuracies of {100 * low:.1f} to "
        f"{100 * high:.1f} %.",
        figure=figure,
    )


def _height(scale: Scale, views: Sequence[RecordedTrial], view: RecordedTrial) -> float:
    """Of a key on its axis, 0..1; a trial whose arm does not have the key passes below the axis."""
    if scale.key not in view.values:
        return -0.12
    places = [scale.place(one.values[scale.key]) for one in views if scale.key in one.values]
    return (scale.place(view.values[scale.key]) - min(places)) / (max(places) - min(places))


def _ends(scale: Scale, views: Sequence[RecordedTrial]) -> tuple[str, str]:
    if scale.names:
        return scale.names[0], scale.names[-1]
    values = [view.values[scale.key] for view in views if scale.key in view.values]
    return f"{min(values):.3g}", f"{max(values):.3g}"


def importance_plot(results: RunResults) -> Plot | None:
    """Optuna's importances of the searched keys, per arm; None where no arm has enough trials."""
    found = {arm: importances(finished_search(results, arm)) for arm in arm_names(results)}
    found = {arm: shares for arm, shares in found.items() if shares}
    if not found:
        return None
    largest = {key: max(shares.get(key, 0.0) for shares in found.values()) for arm in found for key in found[arm]}
    keys = sorted(largest, key=lambda key: -largest[key])
    names = arm_names(results)
    with house_style():
        figure = new_figure(height=1.0 + 0.3 * len(keys) * len(found))
        axes = figure.add_subplot()
        height = 0.8 / len(found)
        for row, (arm, shares) in enumerate(found.items()):
            places = [index + (row - (len(found) - 1) / 2) * height for index in range(len(keys))]
            widths = [shares.get(key, 0.0) for key in keys]
            axes.barh(places, widths, height=0.9 * height, color=colour(names.index(arm)), label=arm)
        axes.set_yticks(range(len(keys)), keys)
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("share of the variation in validation accuracy")
        figure.legend(loc="outside upper right", ncols=4)
    described = "; ".join(
        f"{arm}: {', '.join(f'{key} {share:.2f}' for key, share in shares.items())}" for arm, shares in found.items()
    )
    return Plot(
        name="importances",
        title="Which settings matter",
        caption="Optuna's importances (fANOVA) over each arm's finished search trials. Exploratory.",
        alternative=f"Importances of the searched keys. {described}.",
        figure=figure,
    )


def rate_by_epochs(results: RunResults) -> Plot | None:
    """Learning rate against epochs, coloured by accuracy, per arm; None unless both were searched."""
    epochs = next((k for k in ("train.epochs_per_state", "train.epochs_total") if _searches(results, k)), None)
    if epochs is None or not _searches(results, "train.lr"):
        return None
    tried = {
        arm: [view for view in finished_search(results, arm) if epochs in view.values and "train.lr" in view.values]
        for arm in arm_names(results)
    }
    arms = [arm for arm, views in tried.items() if views]
    if not arms:
        return None
    accuracies = [100 * states_of(view)[-1].val_accuracy for arm in arms for view in tried[arm]]
    with house_style():
        figure = new_figure(height=3.4)
        panels = np.ravel(figure.subplots(1, len(arms), squeeze=False, sharex=True, sharey=True))
        for axes, arm in zip(panels, arms, strict=True):
            shown = tried[arm]
            heights = [100 * states_of(view)[-1].val_accuracy for view in shown]
            rates, counts = [view.values["train.lr"] for view in shown], [view.values[epochs] for view in shown]
            axes.scatter(
                rates,
                counts,
                c=heights,
                s=70,
                cmap="viridis",
                vmin=min(accuracies),
                vmax=max(accuracies),
                edgecolor=FAINT,
            )
            for rate, count, height in zip(rates, counts, heights, strict=True):
                axes.annotate(
                    f"{height:.0f}", (rate, count), xytext=(0, 7), textcoords="offset points", fontsize=7, ha="center"
                )
            axes.set_xscale("log")
            axes.xaxis.set_minor_formatter(NullFormatter())
            axes.set_xlabel("train.lr")
            axes.set_title(arm)
        panels[0].set_ylabel(epochs)
    return Plot(
        name="rate-by-epochs",
        title="Learning rate by epochs",
        caption="Validation accuracy in percent at each pair tried. Exploratory.",
        alternative=f"Validation accuracy over learning rate and {epochs} for {', '.join(arms)}.",
        figure=figure,
    )


def _searches(results: RunResults, key: str) -> bool:
    views = [view for arm in arm_names(results) for view in finished_search(results, arm)]
    return key in varied_keys(views)
