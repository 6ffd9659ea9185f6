"""Accuracy against the time of a forward pass."""

from __future__ import annotations

from search.report.charts.chart import Axis, Chart, Panel, arm_dots
from search.report.charts.drawing import Plot
from search.report.charts.static import plot_of
from search.report.latency import Latencies
from search.report.plots.accuracy import apart_of
from search.run.results import RunResults


def latency_plot(results: RunResults, found: Latencies | None) -> Plot | None:
    """None where nothing was measured."""
    if found is None or len(found.of) < 2:
        return None
    shown = apart_of([(ms, 100 * one.state.val_accuracy) for one, ms in found.of])
    series = []
    for index, arm in enumerate(results.arm_names):
        of_arm = [found.of[place] for place in shown if found.of[place][0].trial.identity.arm == arm]
        if of_arm:
            series.append(
                arm_dots(
                    index, [ms for _, ms in of_arm], [100 * one.state.val_accuracy for one, _ in of_arm], group=arm, entry=arm,
                    refs=[(one.trial.id, one.state.state) for one, _ in of_arm], size=6.0,
                )
            )  # fmt: skip
    panel = Panel(x=Axis(label="latency, ms"), y=Axis(label="validation accuracy, %"), series=tuple(series))
    fastest, slowest = min(ms for _, ms in found.of), max(ms for _, ms in found.of)
    words = f"Validation accuracy against latency, {fastest:.3g} to {slowest:.3g} ms, for {len(found.of)} networks."
    caption = f"Median time of a forward pass on {found.place}."
    return plot_of("accuracy-by-latency", words, Chart(panels=(panel,), structures=True), caption=caption)
