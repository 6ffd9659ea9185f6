"""Paired differences between arms, and what a search budget buys."""

from __future__ import annotations

import math
from dataclasses import replace

from search.evidence.comparison import Comparison
from search.evidence.contrasts import Contrast
from search.evidence.formats import interval_text, plural, points
from search.evidence.statistics import expected_best
from search.report.charts.chart import Axis, Chart, Mark, Panel, Series, arm_dots, arm_line
from search.report.charts.drawing import Plot
from search.report.charts.static import plot_of
from search.run.results import RunResults


def paired_differences(comparison: Comparison) -> Plot | None:
    """Each unit's difference to the baseline with the mean and the simultaneous interval; None without pairs."""
    contrasts = [contrast for contrast in (*comparison.primary, *comparison.secondary) if contrast.differences]
    if not contrasts:
        return None
    names = [row.arm for row in comparison.rows]
    margin = comparison.settings.margin
    labels = tuple(_label(comparison, contrast, contrast in comparison.primary) for contrast in contrasts)
    panel = Panel(
        x=Axis(label=f"difference to {comparison.baseline}, points"),
        y=Axis(names=labels),
        series=tuple(
            series
            for row, contrast in enumerate(contrasts)
            for series in _contrast_series(row, contrast, names.index(contrast.arm))
        ),
        marks=(Mark(axis="x", at=-margin, to=margin, opacity=0.14), Mark(axis="x", at=0)),
    )
    described = [
        f"{_label(comparison, contrast, True)}: {points(contrast.mean)} {interval_text(contrast.interval)}"
        for contrast in contrasts
    ]
    words = f"Differences to {comparison.baseline} in points. {'; '.join(described)}."
    caption = (
        f"Dots are {plural(contrasts[0].unit)} in which both arms survived, diamonds their means, bars the simultaneous "
        "intervals; the grey band is the margin."
    )
    chart = Chart(panels=(panel,), height=1.5 + 0.55 * len(contrasts))
    return plot_of("paired-differences", words, chart, caption=caption)


def _contrast_series(row: int, contrast: Contrast, arm: int) -> list[Series]:
    values = [100 * value for value in contrast.differences.values()]
    spread = [row + 0.22 * (index / max(1, len(values) - 1) - 0.5) for index in range(len(values))]
    told = [f"{contrast.unit} {unit}" for unit in contrast.differences]
    dots = replace(arm_dots(arm, values, spread, group=contrast.arm, texts=told, size=3.7, opacity=0.45), marker="o")
    mean = [100 * (contrast.mean or 0.0)]
    diamond = replace(arm_dots(arm, mean, [row], group=contrast.arm, texts=["mean"], size=7, opacity=1.0), marker="D")
    if not contrast.interval or not math.isfinite(contrast.interval[0]):
        return [dots, diamond]
    ends = [100 * end for end in contrast.interval]
    bar = arm_line(arm, ends, [row, row], group=contrast.arm, texts=["interval"] * 2, marker=False, dash=0, width=2)
    return [dots, bar, diamond]


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
    described, curves = [], []
    for index, (arm, found) in enumerate(values.items()):
        if len(found) < 2:
            continue
        # Of several searches all trials are draws, but a budget is one search's.
        curve = [100 * value for value in expected_best(found)][: results.study.search.trials_per_arm]
        curves.append(arm_line(index, range(1, len(curve) + 1), curve, group=arm, entry=arm))
        described.append(f"{arm}: {curve[0]:.1f} % for one, {curve[-1]:.1f} % for {len(curve)}")
    panel = Panel(
        x=Axis(label="configurations tried", whole=True),
        y=Axis(label="expected best validation accuracy, %"),
        series=tuple(curves),
    )  # fmt: skip
    words = f"Expected best validation accuracy against configurations tried. {'; '.join(described)}."
    return plot_of("search-budget", words, Chart(panels=(panel,), height=3.6))
