"""What `sweep` and `resume` share: drive the run, then write its report and its best configuration, and say how it stands."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from models.errors import INTERRUPTED, UserError
from search.commands.common import Outcome
from search.console import announce
from search.evidence.comparison import compare
from search.evidence.final_test import final_test
from search.evidence.selection import Budget, choose, how_chosen
from search.report.status import status_json, status_text
from search.report.terminal import comparison_text
from search.run.folder import RunFolder
from search.run.results import RunResults
from search.study.study import Study
from search.tuning.drive import Launch, run_study


def drive_command(study: Study, run: RunFolder, **options: Any) -> Outcome:
    """Drive `run` with the command line's options, which are named as in `Launch`. Exit status 130 where a signal ended it."""
    drive = run_study(study, run, Launch(**options))
    json = status_json(drive.results)
    if drive.left is not None:
        text = f"{status_text(drive.results)}\nleft: {drive.left}"
        print(f"prunetune: left ({drive.left}); go on with: prunetune resume {run.address}", file=sys.stderr)
        return Outcome(json, text, INTERRUPTED if drive.interrupted else 0)
    try:
        text = conclude(drive.results, again=drive.was_complete)
    except Exception:
        run.publish()  # what was exported before the report's error is told
        raise
    run.publish()
    return Outcome(json, text)


def conclude(results: RunResults, *, again: bool = False) -> str:
    """Write `report/` and `export/` into the run's folder; returns the text that ends the study.

    With `again`, what was written since this complete run's last launch is left as it is. What the report ended in is raised
    once the network is exported.
    """
    if not any(trial.finished for trial in results.trials):
        return f"{status_text(results)}\nno trial finished, so there is nothing to report or to export"
    lines = [status_text(results), ""]
    if len(results.arm_names) > 1:
        lines += [comparison_text(compare(results), final_test(results)), ""]
    run, report = RunFolder(results.run), results.run / "report" / "index.html"
    unreported = None if again and run.is_since_last_launch(report) else _report(results, report.parent)
    exported = _export(results, results.run / "export", again=again)
    if unreported is not None:
        announce(exported)
        raise unreported
    return "\n".join([*lines, f"report: {report}", exported])


def _report(results: RunResults, out: Path) -> Exception | None:
    """What went wrong, to be raised when the export, which needs nothing of it, is there."""
    from search.report.write import write_report

    announce("writing the report")
    try:
        write_report(results, out)
    except Exception as error:
        announce("the report could not be written; first the best network, then why")
        return error
    return None


def _export(results: RunResults, out: Path, *, again: bool) -> str:
    """Where the best network is, in a line; or why there is none."""
    from search.export.export import FILES, export

    if not (again and RunFolder(results.run).is_since_last_launch(out / FILES[-1])):
        announce("writing the best network, and measuring it")
        try:
            export(results, choose(results, Budget()), out, how_chosen(results, Budget()))
        except UserError as error:
            return f"nothing exported: {error}"
    return f"best configuration and network: {out}"
