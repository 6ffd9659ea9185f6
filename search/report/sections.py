"""One run's report: what is shown, in which order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from search.arms import arm_names, dense_macs, states_of
from search.compare import Comparison
from search.compare_table import held_out_sentence, short, table_rows
from search.held_out import HeldOut
from search.report import html
from search.report.curve_plots import accuracy_by_macs, accuracy_by_removed, shown_trials
from search.report.drawing import Plot
from search.report.provenance import provenance_section, reproduce_section
from search.results import RunResults


@dataclass(frozen=True)
class RunReport:
    results: RunResults
    comparison: Comparison
    held_out: HeldOut
    plots: tuple[Plot, ...]

    def plot(self, name: str) -> str:
        """The named plot's figure, or nothing where the run has too little for it."""
        return "".join(html.figure(plot) for plot in self.plots if plot.name == name)


def run_plots(results: RunResults, comparison: Comparison) -> Iterator[Plot]:
    yield accuracy_by_removed(results)
    yield accuracy_by_macs(results)


def run_body(report: RunReport) -> str:
    results, comparison = report.results, report.comparison
    return "".join(
        [
            f"<h1>{escape(results.study.name)}</h1>",
            html.paragraph(question(report), "question"),
            html.paragraph(comparison.verdict, "verdict"),
            html.table(table_rows(comparison), "Sizes and costs are means over each arm's confirm trials."),
            html.paragraph(held_out_sentence(report.held_out)),
            html.section("Accuracy against what was removed", report.plot("accuracy-by-removed")),
            html.section("Accuracy against MACs", report.plot("accuracy-by-macs")),
            html.section("State by state", *state_tables(results)),
            provenance_section(results),
            reproduce_section(results),
        ]
    )


def question(report: RunReport) -> str:
    names = arm_names(report.results)
    trial = report.results.trials[0].config
    what = f"{trial['model']['arch']} on {trial['data']['name']}"
    if len(names) == 1:
        return f"How small does {names[0]} make {what}, and at what accuracy?"
    return f"Which of {', '.join(names[:-1])} and {names[-1]} gives the better small network for {what}?"


def state_tables(results: RunResults) -> Iterator[str]:
    """Per arm, each state's means over the trials that stand for the arm."""
    for arm in arm_names(results):
        views = shown_trials(results, arm)
        if not views:
            continue
        rows = [
            ["state", "validation", "removed %", "parameters", "MACs", "of dense", "kept", "training MACs", "seconds"]
        ]
        for index in range(min(len(states_of(view)) for view in views)):
            ends = [states_of(view)[index] for view in views]
            count = len(ends)
            kept = {kind: sum(end.kept[kind] for end in ends) / count for kind in ends[0].kept}
            share = sum(end.macs for end in ends) / count / dense_macs(views[0])
            rows.append(
                [
                    str(ends[0].state),
                    f"{100 * sum(end.val_accuracy for end in ends) / count:.2f} %",
                    f"{sum(end.removed_percent for end in ends) / count:.1f}",
                    f"{sum(end.params for end in ends) / count:,.0f}",
                    short(sum(end.macs for end in ends) / count),
                    f"{100 * share:.1f} %",
                    ", ".join(f"{number:.0f} {kind}s" for kind, number in kept.items()),
                    short(sum(end.training_macs for end in ends) / count),
                    f"{sum(end.seconds for end in ends) / count:,.1f}",
                ]
            )
        basis = f"mean of {len(views)} confirm trials" if len(views) > 1 else views[0].id
        yield html.table(rows, f"{arm}: {basis}")
