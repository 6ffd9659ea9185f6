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
    test = final_test(results)
    json = {**comparison.to_json(), "test": test.to_json() if test else None}
    return Outcome(json=json, text=comparison_text(comparison, test))
