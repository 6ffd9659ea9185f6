"""Accuracy against the time of a forward pass."""

from __future__ import annotations

from search.report.charts.chart import Axis, Chart, Panel, Series, arm_dots
from search.report.charts.drawing import Plot
from search.report.charts.static import plot_of
from search.report.charts.theme import colour
from search.report.latency.latencies import Latencies
from search.report.latency.measuring import Timing
from search.report.plots.accuracy import apart_of
from search.run.candidates import Candidate
from search.run.results import RunResults


def latency_plot(results: RunResults, found: Latencies | None) -> Plot | None:
    """None where nothing was measured."""
    if found is None or len(found.of) < 2:
        return None
    shown = apart_of([(timing.ms, 100 * one.state.val_accuracy) for one, timing in found.of])
    series: list[Series] = []
    for index, arm in enumerate(results.arm_names):
        of_arm = [found.of[place] for place in shown if found.of[place][0].trial.identity.arm == arm]
        if of_arm:
            series += [_interval(index, one, timing) for one, timing in of_arm if timing.low < timing.high]
            series.append(
                arm_dots(
                    index, [timing.ms for _, timing in of_arm], [100 * one.state.val_accuracy for one, _ in of_arm], group=arm,
                    entry=arm, refs=[(one.trial.id, one.state.state) for one, _ in of_arm], size=6.0,
                )
            )  # fmt: skip
    panel = Panel(x=Axis(label="latency, ms"), y=Axis(label="validation accuracy, %"), series=tuple(series))
    fastest, slowest = min(one.ms for _, one in found.of), max(one.ms for _, one in found.of)
    words = f"Validation accuracy against latency, {fastest:.3g} to {slowest:.3g} ms, for {len(found.of)} networks."
    caption = f"Median time of a forward pass: {found.place}."
    if found.measured:
        caption += " Each structure was measured once, in turns with the others; the lines are 95 % intervals."
    return plot_of("accuracy-by-latency", words, Chart(panels=(panel,), structures=True), caption=caption)


def _interval(index: int, candidate: Candidate, timing: Timing) -> Series:
    """Across the dot."""
    ref = (candidate.trial.id, candidate.state.state)
    height = 100 * candidate.state.val_accuracy
    return Series(
        shape="line", x=(timing.low, timing.high), y=(height, height), refs=(ref, ref),
        texts=("95 % interval, low end", "95 % interval, high end"), colour=colour(index),
        group=candidate.trial.identity.arm, opacity=0.7,
    )  # fmt: skip
