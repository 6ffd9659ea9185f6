"""What `sweep` and `resume` share: drive the run, then write its report and its best configuration, and say how it stands."""

from __future__ import annotations

import argparse
import sys

from models.errors import UserError
from search.commands.common import Outcome
from search.report.status import status_json, status_text
from search.run.folder import RunFolder
from search.run.results import RunResults
from search.study.sections import read_duration
from search.study.study import Study
from search.tuning.drive import Launch, run_study

INTERRUPTED = 130


def drive_command(study: Study, run: RunFolder, args: argparse.Namespace) -> Outcome:
    """Drive `run` with the options of the command line. Exit status 130 where a signal ended it."""
    launch = Launch(
        time_budget=_seconds(args.time_budget),
        max_concurrent=_positive(args.max_concurrent),
        address=args.address,
        retry_failed=getattr(args, "retry_failed", False),
    )
    drive = run_study(study, run, launch)
    json = status_json(drive.results)
    if drive.left is not None:
        text = f"{status_text(drive.results)}\nleft: {drive.left}"
        print(f"prunetune: left ({drive.left}); go on with: prunetune resume {run.path}", file=sys.stderr)
        return Outcome(json, text, INTERRUPTED if drive.interrupted else 0)
    return Outcome(json, concluded(drive.results, drive.was_complete))


def concluded(results: RunResults, was_complete: bool) -> str:
    """The text that ends the study on the terminal; report and export are written unless an earlier launch did."""

    return conclude(results, again=was_complete)


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        seconds = float(read_duration(text if not text.replace(".", "", 1).isdigit() else float(text)))
    except ValueError as error:
        raise UserError(f"--time-budget: {error}") from None
    if seconds <= 0:
        raise UserError(f"--time-budget: a time above 0 is expected, found {text!r}")
    return seconds


def _positive(number: int | None) -> int | None:
    if number is not None and number < 1:
        raise UserError(f"--max-concurrent: at least 1 is expected, found {number}")
    return number


def conclude(results: RunResults, *, again: bool = False) -> str:
    """Write `report/` and `export/` into the run's folder; returns the text that ends the study.

    With `again`, what an earlier launch of this complete run has written is left as it is.
    """
    if not any(trial.status == "finished" for trial in results.trials):
        return f"{status_text(results)}\nno trial finished, so there is nothing to report or to export"
    from search.evidence.comparison import compare
    from search.evidence.final_test import final_test
    from search.evidence.selection import Budget, choose
    from search.export.export import export
    from search.report.terminal import comparison_text
    from search.report.write import write_report

    lines = [status_text(results), ""]
    if len(results.arm_names) > 1:
        lines += [comparison_text(compare(results), final_test(results)), ""]
    report, best = results.run / "report" / "index.html", results.run / "export"
    if not (again and report.exists()):
        write_report(results, report.parent)
    if not (again and (best / "best.yaml").exists()):
        export(results, choose(results, Budget(None, None, None)), best)
    return "\n".join([*lines, f"report: {report}", f"best configuration and network: {best}"])
