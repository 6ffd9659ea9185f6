"""Several runs on one page: their verdicts and tables together, their main plots next to each other."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from search.compare_table import table_rows
from search.report import html
from search.report.sections import RunReport, question, run_body

SHARED_PLOTS = ("accuracy-by-removed", "accuracy-by-macs", "paired-differences")


def side_by_side_body(reports: Sequence[RunReport], names: Sequence[str]) -> str:
    """The page's body; each run's full report is folded away at the end. Nothing is tested across runs."""
    pairs = list(zip(names, reports, strict=True))
    verdicts = [
        f"<h3>{escape(name)}</h3>{html.paragraph(question(report), 'question')}"
        f"{html.paragraph(report.comparison.verdict, 'verdict')}"
        for name, report in pairs
    ]
    shared = [
        html.section(title, f'<div class="side">{panels}</div>')
        for plot in SHARED_PLOTS
        if (panels := _panels(pairs, plot)) and (title := _title(reports, plot))
    ]
    # Ids must be unique in a page, so the full reports at the end draw their plots under another prefix.
    full = [html.folded(f"{name}: the whole report", run_body(_again(report))) for name, report in pairs]
    return "".join(
        [
            f"<h1>{escape(', '.join(names))}</h1>",
            *verdicts,
            html.table(_rows(pairs)),
            html.paragraph("Each run is judged by itself; differences between runs are not tested.", "note"),
            *shared,
            html.section("Run by run", *full),
        ]
    )


def _again(report: RunReport) -> RunReport:
    return RunReport(report.results, report.comparison, report.final_test, report.plots, f"{report.prefix}full-")


def _rows(pairs: Sequence[tuple[str, RunReport]]) -> list[list[str]]:
    heading = ["run", *table_rows(pairs[0][1].comparison)[0]]
    return [heading, *[[name, *row] for name, report in pairs for row in table_rows(report.comparison)[1:]]]


def _panels(pairs: Sequence[tuple[str, RunReport]], plot: str) -> str:
    return "".join(
        f"<div><h3>{escape(name)}</h3>{found}</div>" for name, report in pairs if (found := report.plot(plot))
    )


def _title(reports: Sequence[RunReport], name: str) -> str:
    return next((plot.title for report in reports for plot in report.plots if plot.name == name), "")
