"""`report/`: the page, its plots as PNG and SVG, the records as CSV and the comparison as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from models import atomic
from search.evidence.comparison import compare
from search.evidence.final_test import final_test
from search.report import html
from search.report.csv_files import states_csv, trials_csv
from search.report.drawing import Plot, png, standalone_svg
from search.report.sections import RunReport, run_body, run_plots
from search.report.side_by_side import side_by_side_body
from search.report.style import style_sheet
from search.run.results import RunResults
from trainables.files.record import SCHEMA_VERSION, finite


def write_report(results: RunResults, out: Path) -> list[str]:
    """Write one run's report into `out`; returns the files' names. UserError where no trial has finished."""
    report = build(results)
    body = f"<main>{run_body(report)}</main>"
    files = _write_files(report, out)
    atomic.write_text(out / "index.html", html.page(f"prunetune: {results.study.name}", style_sheet(), body))
    return ["index.html", *files]


def write_side_by_side(runs: Sequence[RunResults], out: Path) -> list[str]:
    """Write one page on several runs, each run's files in a folder of its own beside it."""
    names = run_names(runs)
    reports = [build(results, f"{name}-") for results, name in zip(runs, names, strict=True)]
    body = f"<main>{side_by_side_body(reports, names)}</main>"
    written = ["index.html"]
    for report, name in zip(reports, names, strict=True):
        written += [f"{name}/{file}" for file in _write_files(report, out / name)]
    atomic.write_text(out / "index.html", html.page(f"prunetune: {', '.join(names)}", style_sheet(), body))
    return written


def run_names(runs: Sequence[RunResults]) -> list[str]:
    """The runs' folder names, numbered where two are the same."""
    names: list[str] = []
    for results in runs:
        name = results.run.name
        names.append(name if name not in names else f"{name}-{len(names) + 1}")
    return names


def build(results: RunResults, prefix: str = "") -> RunReport:
    comparison = compare(results)
    return RunReport(results, comparison, final_test(results), tuple(run_plots(results, comparison)), prefix)


def _write_files(report: RunReport, out: Path) -> list[str]:
    content = {"schema_version": SCHEMA_VERSION, **report.comparison.to_json(), "test": report.final_test.to_json()}
    atomic.write_text(out / "trials.csv", trials_csv(report.results))
    atomic.write_text(out / "states.csv", states_csv(report.results))
    atomic.write_json(out / "comparison.json", finite(content))
    for plot in report.plots:
        atomic.write_text(out / f"{plot.name}.svg", standalone_svg(plot))
        atomic.write_bytes(out / f"{plot.name}.png", png(plot))
    return ["trials.csv", "states.csv", "comparison.json", *_plot_names(report.plots)]


def _plot_names(plots: Sequence[Plot]) -> list[str]:
    return [f"{plot.name}.{suffix}" for plot in plots for suffix in ("svg", "png")]
