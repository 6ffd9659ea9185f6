"""What the page shows of a run, as the context of its template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from search.evidence.comparison import Comparison, compare
from search.evidence.final_test import FinalTest, final_test
from search.report import tables
from search.report.plots.accuracy import accuracy_plot
from search.report.plots.comparison import budget_curves, paired_differences
from search.report.plots.drawing import Plot
from search.report.plots.importances import importance_plot
from search.report.plots.settings import parallel_coordinates, rate_by_epochs, settings_against_accuracy
from search.report.plots.structure import kept_structure
from search.report.provenance import run_facts, weights_facts
from search.run.results import RunResults

SHARED_PLOTS = ("accuracy-by-removed", "accuracy-by-macs", "paired-differences")
"""Shown of several runs next to each other."""


@dataclass(frozen=True)
class RunReport:
    """A run, what was made of it, and its plots; `name` is the run's among several on one page."""

    name: str
    results: RunResults
    comparison: Comparison
    test: FinalTest
    plots: tuple[Plot, ...]


def run_report(results: RunResults, name: str) -> RunReport:
    """Raises UserError where no trial has finished."""
    comparison = compare(results)
    return RunReport(name, results, comparison, final_test(results), tuple(run_plots(results, comparison)))


def run_plots(results: RunResults, comparison: Comparison) -> list[Plot]:
    """Every plot that the run has enough trials for."""
    plots = [
        accuracy_plot(results, "removed_percent"),
        accuracy_plot(results, "macs"),
        accuracy_plot(results, "training_macs"),
        paired_differences(comparison),
        budget_curves(results),
        *[kept_structure(results, arm, index) for index, arm in enumerate(results.arm_names)],
        settings_against_accuracy(results),
        rate_by_epochs(results),
        parallel_coordinates(results),
        importance_plot(results),
    ]
    return [plot for plot in plots if plot is not None]


def page_context(reports: Sequence[RunReport]) -> dict[str, Any]:
    """The template's variables. With several runs the first table has a row for every arm of every run."""
    runs = [run_context(report) for report in reports]
    context: dict[str, Any] = {"title": ", ".join(run["name"] for run in runs), "runs": runs}
    if len(runs) > 1:
        rows = [[run["name"], *row] for run in runs for row in run["arms"].rows]
        context["together"] = tables.Table(["run", *runs[0]["arms"].heading], rows)
        context["shared_plots"] = [_plots_of(reports, name) for name in SHARED_PLOTS]
    return context


def _plots_of(reports: Sequence[RunReport], name: str) -> list[tuple[str, Plot]]:
    """Each run that has the plot, and its plot."""
    return [(report.name, plot) for report in reports for plot in report.plots if plot.name == name]


def run_context(report: RunReport) -> dict[str, Any]:
    """A run's part of the page; a table is None and a list empty where the run has nothing for it."""
    results, comparison = report.results, report.comparison
    return {
        "name": report.name,
        "study": results.study.name,
        "question": question(results),
        "verdict": comparison.verdict,
        "arms": tables.arm_table(comparison),
        "test": tables.final_test_sentence(report.test),
        "mcnemar": tables.mcnemar_sentences(report.test),
        "differences": tables.difference_table(comparison),
        "equal_cost": tables.equal_cost_table(comparison),
        "without_equal_cost": [f"{row.arm}: {row.reason}." for row in comparison.equal_cost if row.reason],
        "states": tables.state_tables(results),
        "removals": tables.removal_table(results),
        "plots": report.plots,
        "facts": run_facts(results),
        "weights": weights_facts(results),
        "study_yaml": results.study.to_yaml(),
    }


def question(results: RunResults) -> str:
    """What the run was to find out."""
    names = results.arm_names
    trial = results.trials[0].config
    what = f"{trial['model']['arch']} on {trial['data']['name']}"
    if len(names) == 1:
        return f"How small does {names[0]} make {what}, and at what accuracy?"
    return f"Which of {', '.join(names[:-1])} and {names[-1]} gives the better small network for {what}?"
