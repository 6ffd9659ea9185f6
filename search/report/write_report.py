"""`report/`: the page, its plots as PNG and SVG, the records as CSV and the comparison as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from models import atomic
from search.compare import Comparison, compare
from search.held_out import HeldOut, held_out
from search.report import html
from search.report.csv_files import states_csv, trials_csv
from search.report.drawing import Plot, png, standalone_svg
from search.report.sections import RunReport, run_body, run_plots
from search.report.style import style_sheet
from search.results import RunResults
from trainables.record import finite


def write_report(results: RunResults, out: Path) -> list[str]:
    """Write one run's report into `out`; returns the files' names. UserError where no trial has finished."""
    report = build(results)
    _write_files(report, out)
    title = f"prunetune: {results.study.name}"
    atomic.write_text(out / "index.html", html.page(title, style_sheet(), f"<main>{run_body(report)}</main>"))
    return ["index.html", "trials.csv", "states.csv", "comparison.json", *_plot_names(report.plots)]


def build(results: RunResults) -> RunReport:
    comparison: Comparison = compare(results)
    test: HeldOut = held_out(results)
    return RunReport(results, comparison, test, tuple(run_plots(results, comparison)))


def _write_files(report: RunReport, out: Path) -> None:
    atomic.write_text(out / "trials.csv", trials_csv(report.results))
    atomic.write_text(out / "states.csv", states_csv(report.results))
    content = {"schema_version": 1, **report.comparison.to_json(), "test": report.held_out.to_json()}
    atomic.write_json(out / "comparison.json", finite(content))
    for plot in report.plots:
        atomic.write_text(out / f"{plot.name}.svg", standalone_svg(plot))
        atomic.write_bytes(out / f"{plot.name}.png", png(plot))


def _plot_names(plots: Sequence[Plot]) -> list[str]:
    return [f"{plot.name}.{suffix}" for plot in plots for suffix in ("svg", "png")]
