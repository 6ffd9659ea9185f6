"""`report/`: the page, its plots as PNG and SVG, the records as CSV and the comparison as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from models import atomic
from search.console import OUTPUT_SCHEMA_VERSION
from search.report.charts.drawing import png, standalone_svg
from search.report.csv_files import states_csv, trials_csv
from search.report.page import RunReport, run_report
from search.report.rendering import render
from search.report.tables import side_by_side_table
from search.run.results import RunResults
from trainables.files.json_lines import finite


def write_report(results: RunResults, out: Path, *, static: bool = False) -> list[str]:
    """Write one run's report into `out`; returns the files' names. A `static` page holds no script.

    UserError where no trial has finished.
    """
    report = run_report(results, results.study.name, out)
    page = render("page.html.j2", {"title": report.name, "runs": [report], "static": static})
    files = _write_files(report, out)
    atomic.write_text(out / "index.html", page)
    return ["index.html", *files]


def write_side_by_side(runs: Sequence[RunResults], out: Path, *, static: bool = False) -> list[str]:
    """Write one page on several runs, each run's files in a folder of its own beside it."""
    named = enumerate(zip(runs, run_names(runs), strict=True))
    reports = [run_report(results, name, out / name, number) for number, (results, name) in named]
    together = side_by_side_table({report.name: report.comparison for report in reports})
    title = ", ".join(report.name for report in reports)
    page = render("page.html.j2", {"title": title, "runs": reports, "together": together, "static": static})
    files = [f"{report.name}/{file}" for report in reports for file in _write_files(report, out / report.name)]
    atomic.write_text(out / "index.html", page)
    return ["index.html", *files]


def run_names(runs: Sequence[RunResults]) -> list[str]:
    """The runs' folder names, numbered where two are the same."""
    names: list[str] = []
    for results in runs:
        name = results.run.name
        names.append(name if name not in names else f"{name}-{len(names) + 1}")
    return names


def _write_files(report: RunReport, out: Path) -> list[str]:
    content = {
        "schema_version": OUTPUT_SCHEMA_VERSION,
        **report.comparison.to_json(),
        "test": report.test.to_json(),
        "warnings": [warning.to_json() for warning in report.warnings],
    }
    atomic.write_text(out / "trials.csv", trials_csv(report.results))
    atomic.write_text(out / "states.csv", states_csv(report.results))
    atomic.write_json(out / "comparison.json", finite(content))
    for plot in report.plots:
        atomic.write_text(out / f"{plot.name}.svg", standalone_svg(plot))
        atomic.write_bytes(out / f"{plot.name}.png", png(plot))
    plots = [f"{plot.name}.{suffix}" for plot in report.plots for suffix in ("svg", "png")]
    return ["trials.csv", "states.csv", "comparison.json", *plots]
