"""One run's report: what is shown, in which order."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from search.compare_table import final_test_sentence, table_rows
from search.evidence.comparison import Comparison
from search.evidence.equal_cost import Standing
from search.evidence.final_test import FinalTest
from search.evidence.formats import interval_text, p_text, percent, points, short
from search.report import html
from search.report.comparison_plots import budget_curves, paired_differences
from search.report.curve_plots import accuracy_by_cost, accuracy_by_macs, accuracy_by_removed
from search.report.drawing import Plot
from search.report.provenance import provenance_section, reproduce_section
from search.report.setting_plots import importance_plot, parallel_coordinates, rate_by_epochs, settings_against_accuracy
from search.report.state_tables import removal_table, state_tables
from search.report.structure_plots import kept_structure
from search.run.results import RunResults, arm_names


@dataclass(frozen=True)
class RunReport:
    results: RunResults
    comparison: Comparison
    final_test: FinalTest
    plots: tuple[Plot, ...]
    prefix: str = ""
    """Keeps the ids of several runs' plots apart in one page."""

    def plot(self, name: str) -> str:
        """The named plot's figure, or nothing where the run has too little for it."""
        return "".join(html.figure(plot, self.prefix) for plot in self.plots if plot.name.startswith(name))


def run_plots(results: RunResults, comparison: Comparison) -> list[Plot]:
    """Every plot that the run has enough trials for, in the page's order."""
    arms = enumerate(arm_names(results))
    plots = [
        accuracy_by_removed(results),
        accuracy_by_macs(results),
        accuracy_by_cost(results),
        paired_differences(comparison),
        budget_curves(results),
        *[kept_structure(results, arm, index) for index, arm in arms],
        settings_against_accuracy(results),
        rate_by_epochs(results),
        parallel_coordinates(results),
        importance_plot(results),
    ]
    return [plot for plot in plots if plot is not None]


def run_body(report: RunReport) -> str:
    """The run's part of the page, from the question to how to run it again."""
    results, comparison = report.results, report.comparison
    return "".join(
        [
            f"<h1>{escape(results.study.name)}</h1>",
            html.paragraph(question(report), "question"),
            html.paragraph(comparison.verdict, "verdict"),
            html.table(table_rows(comparison), basis_text(comparison)),
            html.paragraph(final_test_sentence(report.final_test)),
            *mcnemar_lines(report.final_test),
            html.section("Accuracy against what was removed", report.plot("accuracy-by-removed")),
            html.section("Accuracy against MACs", report.plot("accuracy-by-macs")),
            html.section("Differences, seed by seed", report.plot("paired-differences"), *difference_table(comparison)),
            html.section(
                "Accuracy against training cost", report.plot("accuracy-by-cost"), *equal_cost_table(comparison)
            ),
            html.section("State by state", *state_tables(results), *removal_table(results)),
            html.section("What was kept", report.plot("kept-structure")),
            html.section("What a search budget buys", report.plot("search-budget")),
            html.section(
                "Which settings matter",
                *[report.plot(name) for name in ("settings", "rate-by-epochs", "parallel-coordinates", "importances")],
            ),
            provenance_section(results),
            reproduce_section(results),
        ]
    )


def basis_text(comparison: Comparison) -> str:
    found = {row.basis for row in comparison.rows}
    if len(found) == 1:
        return f"Sizes and costs are those of each arm's {found.pop()}, as means."
    each = "; ".join(f"{row.arm}: {row.basis}" for row in comparison.rows)
    return f"Sizes and costs are means over: {each}."


def question(report: RunReport) -> str:
    names = arm_names(report.results)
    trial = report.results.trials[0].config
    what = f"{trial['model']['arch']} on {trial['data']['name']}"
    if len(names) == 1:
        return f"How small does {names[0]} make {what}, and at what accuracy?"
    return f"Which of {', '.join(names[:-1])} and {names[-1]} gives the better small network for {what}?"


def mcnemar_lines(final_test: FinalTest) -> Iterator[str]:
    """McNemar's test between the arms' final networks, a line per pair."""
    for first, second, result in final_test.between:
        yield html.paragraph(
            f"On the same test images {first} alone is right on {result.only_first}, {second} alone on "
            f"{result.only_second} (McNemar's exact p = {p_text(result.p_value)}; of these two networks, not of the methods).",
            "note",
        )


def difference_table(comparison: Comparison) -> Iterator[str]:
    """Every cell of the primary family and of what was looked at beside it."""
    if not comparison.primary and not comparison.secondary:
        return
    heading = [
        "arm", "at", "family", "points", "interval", "pairs", "p", "Holm p", "equivalence p", "training MACs", "so",
    ]  # fmt: skip
    rows = [
        [
            cell.arm,
            cell.level.text,
            "primary" if cell in comparison.primary else "exploratory",
            points(cell.mean),
            interval_cell(cell.interval),
            str(len(cell.differences)),
            p_text(cell.p_value),
            p_text(cell.p_holm),
            p_text(cell.p_equivalent_holm),
            "–" if cell.cost_ratio is None else f"× {cell.cost_ratio:.2f}",
            cell.reason or (f"{cell.kind}: {cell.more_seeds} more seeds" if cell.more_seeds else cell.kind),
        ]
        for cell in (*comparison.primary, *comparison.secondary)
    ]
    metric = comparison.settings.metric.replace("_", " ")
    yield html.table([heading, *rows], f"Differences in {metric} to {comparison.baseline}, paired by seed", (1, 2, 10))


def equal_cost_table(comparison: Comparison) -> Iterator[str]:
    """The arms at equal training cost, beside the curve that it is read off."""
    if not comparison.equal_cost:
        return
    heading = [
        "arm", "training MACs", "validation", "removed %", "MACs left", f"{comparison.baseline} validation", "removed %",
        "MACs left", "difference, points", "interval",
    ]  # fmt: skip
    rows = [
        [row.arm, short(row.training_macs), *standing_cells(row.ours), *standing_cells(row.theirs),
         points(row.difference), interval_cell(row.interval)]
        for row in comparison.equal_cost if row.reason is None
    ]  # fmt: skip
    if rows:
        yield html.table(
            [heading, *rows], "Exploratory: validation accuracy at equal training cost, sizes left as they are"
        )
    for row in comparison.equal_cost:
        if row.reason:
            yield html.paragraph(f"{row.arm}: {row.reason}.", "note")


def standing_cells(standing: Standing | None) -> list[str]:
    if standing is None:
        return ["–", "–", "–"]
    return [percent(standing.val_accuracy), f"{standing.removed_percent:.1f}", f"{100 * standing.macs_share:.1f} %"]


def interval_cell(interval: tuple[float, float] | None) -> str:
    """An interval in a table's narrow column."""
    if interval is None:
        return "–"
    return interval_text(interval) if math.isfinite(interval[0]) else "too few seeds"
