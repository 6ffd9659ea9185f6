"""`prunetune compare`: which arm is better, and how sure that is."""

from __future__ import annotations

from pathlib import Path

import click

from models.errors import UserError
from search.commands.common import Outcome, Subcommand, run_argument
from search.evidence.comparison import compare
from search.evidence.final_test import final_test
from search.report.terminal import comparison_text
from search.run.results import load_results
from search.run.warnings import all_warnings


@click.command("compare", cls=Subcommand, example="prunetune compare runs/quickstart")
@run_argument
def command(run: Path) -> Outcome:
    """The arms of a run side by side, and the verdict."""
    results = load_results(run)
    comparison = compare(results)
    if len(comparison.rows) < 2:
        raise UserError(
            f"{run}: its only arm is {comparison.rows[0].arm!r}; a comparison needs two or more under `arms`"
        )
    test, warnings = final_test(results), all_warnings(results)
    told = {"test": test.to_json(), "warnings": [warning.to_json() for warning in warnings]}
    return Outcome(json={**comparison.to_json(), **told}, text=comparison_text(comparison, test, warnings))
