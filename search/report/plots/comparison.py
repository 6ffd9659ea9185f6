"""Paired differences between arms, and what a search budget buys."""

from __future__ import annotations

import math

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from search.evidence.comparison import Comparison
from search.evidence.contrasts import Contrast
from search.evidence.formats import interval_text, plural, points
from search.evidence.statistics import expected_best
from search.report.plots.drawing import FAINT, Plot, arm_line, colour, legend_above, name_rows, new_figure
from search.run.results import RunResults


def paired_differences(comparison: Comparison) -> Plot | None:
    """Each unit's difference to the baseline with the mean and the simultaneous interval; None without pairs."""
    contrasts = [contrast for contrast in (*comparison.primary, *comparison.secondary) if contrast.differences]
    if not contrasts:
        return None
    names = [row.arm for row in comparison.rows]
    margin = comparison.settings.margin
    with new_figure(height=1.5 + 0.55 * len(contrasts)) as figure:
        axes = figure.add_subplot()
        axes.axvspan(-margin, margin, color=FAINT, alpha=0.14, linewidth=0)
        axes.axvline(0, color=FAINT, linewidth=1)
        for row, contrast in enumerate(contrasts):
            _draw_contrast(axes, row, contrast, colour(names.index(contrast.arm)))
        name_rows(axes, [_label(comparison, contrast, contrast in comparison.primary) for contrast in contrasts])
        axes.set_ylim(len(contrasts) - 0.5, -0.5)
        axes.set_xlabel(f"difference to {comparison.baseline}, points")
    described = [
        f"{_label(comparison, contrast, True)}: {points(contrast.mean)} {interval_text(contrast.interval)}"
        for contrast in contrasts
    ]
    words = f"Differences to {comparison.baseline} in points. {'; '.join(described)}."
    caption = (
        f"Dots are {plural(contrasts[0].unit)} in which both arms survived, diamonds their means, bars the simultaneous "
        "intervals; the grey band is the margin."
    )
    return Plot("paired-differences", words, figure, caption=caption)


def _draw_contrast(axes: Axes, row: int, contrast: Contrast, shade: str) -> None:
    values = [100 * value for value in contrast.differences.values()]
    spread = [row + 0.22 * (index / max(1, len(values) - 1) - 0.5) for index in range(len(values))]
    axes.scatter(values, spread, s=14, color=shade, alpha=0.45, linewidth=0)
    if contrast.interval and math.isfinite(contrast.interval[0]):
        axes.plot([100 * end for end in contrast.interval], [row, row], color=shade, linewidth=2)
    axes.plot(100 * (contrast.mean or 0.0), row, marker="D", color=shade, markersize=7)


def _label(comparison: Comparison, contrast: Contrast, primary: bool) -> str:
    return f"{comparison.named(contrast.arm, contrast.baseline)}, {contrast.level.text}" + (
        "" if primary else " (exploratory)"
    )


def search_values(results: RunResults, arm: str) -> list[float]:
    """What each ended search trial of an arm came to on validation, for the budget curve.

    Diverged, early-stopped and failed trials count as the worst that finished: they cost a draw and won nothing.
    """
    ended = results.searched(arm)
    finished = [trial.last.val_accuracy for trial in ended if trial.finished]
    if not finished:
        return []
    lost = [min(finished) for trial in ended if trial.status in ("stopped", "diverged", "failed")]
    return [*finished, *lost]


def budget_curves(results: RunResults) -> Plot | None:
    """Expected best validation accuracy of n configurations (Dodge et al. 2019), per arm; None where no arm tried two."""
    values = {arm: search_values(results, arm) for arm in results.arm_names}
    if max(len(found) for found in values.values()) < 2:
        return None
    described = []
    with new_figure(height=3.6) as figure:
        axes = figure.add_subplot()
        for index, (arm, found) in enumerate(values.items()):
            if len(found) < 2:
                continue
            # Of several searches all trials are draws, but a budget is one search's.
            curve = [100 * value for value in expected_best(found)][: results.study.search.trials_per_arm]
            axes.plot(range(1, len(curve) + 1), curve, label=arm, **arm_line(index))
            described.append(f"{arm}: {curve[0]:.1f} % for one, {curve[-1]:.1f} % for {len(curve)}")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel("configurations tried")
        axes.set_ylabel("expected best validation accuracy, %")
        legend_above(figure)
    words = f"Expected best validation accuracy against configurations tried. {'; '.join(described)}."
    return Plot("search-budget", words, figure)
