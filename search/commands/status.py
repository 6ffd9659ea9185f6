"""`prunetune status`: how far a run is."""

from __future__ import annotations

from pathlib import Path

import click

from search.commands.common import Outcome, Subcommand, run_argument
from search.report.status import status_json, status_text
from search.run.results import load_results


@click.command("status", cls=Subcommand, example="prunetune status runs/quickstart --json")
@run_argument
def command(run: Path) -> Outcome:
    """How a run stands, also from another shell, and also when nobody drives it."""
    results = load_results(run)
    return Outcome(json=status_json(results), text=status_text(results))
