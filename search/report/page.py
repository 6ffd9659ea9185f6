"""What a report tells of a run: its comparison, its final test and its plots."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from search.evidence.comparison import Comparison, compare
from search.evidence.final_test import FinalTest, NothingChosen, final_test
from search.report.charts.drawing import Plot
from search.report.latency.latencies import Latencies, latencies
from search.report.plots.accuracy import accuracy_plot
from search.report.plots.classes import classes_plot
from search.report.plots.comparison import budget_curves, paired_differences
from search.report.plots.evidence import evidence_plot
from search.report.plots.history import history_plot
from search.report.plots.importances import importance_plot
from search.report.plots.inside import inside_plots
from search.report.plots.latency import latency_plot
from search.report.plots.schedules import schedule_plot
from search.report.plots.settings import parallel_coordinates, rate_by_epochs, settings_against_accuracy
from search.report.plots.structure import kept_structures
from search.report.plots.training import training_plot
from search.run.results import RunResults
from search.run.warnings import RunWarning, all_warnings


@dataclass(frozen=True)
class RunReport:
    """A run, what was made of it, and its plots; `name` is the run's among several on one page."""

    name: str
    results: RunResults
    comparison: Comparison
    test: FinalTest | NothingChosen
    plots: tuple[Plot, ...]
    warnings: tuple[RunWarning, ...] = ()
    number: int = 0
    """Among the runs of a page, from 0."""
    unmeasured: tuple[str, ...] = ()
    """Which networks have no latency, and why: a sentence each."""


def run_report(results: RunResults, name: str, out: Path | None = None, number: int = 0) -> RunReport:
    """`out` is where the report is written; without it nothing is measured. UserError where no trial has finished."""
    comparison, measured = compare(results), latencies(results, out)
    plots, warnings = run_plots(results, comparison, measured), all_warnings(results)
    unmeasured = measured.left_out if measured else ()
    return RunReport(name, results, comparison, final_test(results), tuple(plots), tuple(warnings), number, unmeasured)


def run_plots(results: RunResults, comparison: Comparison, measured: Latencies | None = None) -> list[Plot]:
    """Every plot that the run has enough trials for."""
    searched = results.study.compare.claim != "folds"  # whose configurations are a fold each, and no search of any
    removed = any(end.removed_percent > 0 for trial in results.trials for end in trial.states)
    plots = [
        accuracy_plot(results, "removed_percent") if removed else None,
        accuracy_plot(results, "macs") if removed else None,
        accuracy_plot(results, "training_macs"),
        latency_plot(results, measured),
        training_plot(results),
        classes_plot(results),
        paired_differences(comparison),
        evidence_plot(comparison),
        history_plot(results) if searched else None,
        budget_curves(results) if searched else None,
        schedule_plot(results),
        *[plot for index, arm in enumerate(results.arm_names) for plot in kept_structures(results, arm, index)],
        *[plot for arm in results.arm_names for plot in inside_plots(results, arm)],
        *(_of_settings(results) if searched else ()),
    ]
    return [plot for plot in plots if plot is not None]


def _of_settings(results: RunResults) -> tuple[Plot | None, ...]:
    plots = (settings_against_accuracy, rate_by_epochs, parallel_coordinates, importance_plot)
    return tuple(plot(results) for plot in plots)
