"""What a completed study ends in: the comparison on the terminal, its report, and its best configuration exported."""

from __future__ import annotations

from search.arms import arm_names
from search.results import RunResults
from search.status_text import status_text


def conclude(results: RunResults) -> str:
    """Write `report/` and `export/` into the run's folder; returns the text that ends the study."""
    if not any(trial.status == "finished" for trial in results.trials):
        return f"{status_text(results)}\nno trial finished, so there is nothing to report or to export"
    from search.compare import compare
    from search.compare_table import comparison_text
    from search.export.export_run import export
    from search.held_out import held_out
    from search.report.write_report import write_report
    from search.selection import Budget, choose

    lines = [status_text(results), ""]
    if len(arm_names(results)) > 1:
        lines += [comparison_text(compare(results), held_out(results)), ""]
    write_report(results, results.run / "report")
    exported = export(results, choose(results, Budget(None, None, None)), results.run / "export")
    return "\n".join(
        [
            *lines,
            f"report: {results.run / 'report' / 'index.html'}",
            f"best configuration and network: {exported.folder}",
        ]
    )
