"""What a completed study ends in: the comparison on the terminal, its report, and its best configuration exported."""

from __future__ import annotations

from search.arms import arm_names
from search.results import RunResults
from search.status_text import status_text


def conclude(results: RunResults, *, again: bool = False) -> str:
    """Write `report/` and `export/` into the run's folder; returns the text that ends the study.

    With `again`, what an earlier launch of this complete run has written is left as it is.
    """
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
    report, best = results.run / "report" / "index.html", results.run / "export"
    if not (again and report.exists()):
        write_report(results, report.parent)
    if not (again and (best / "best.yaml").exists()):
        export(results, choose(results, Budget(None, None, None)), best)
    return "\n".join([*lines, f"report: {report}", f"best configuration and network: {best}"])
