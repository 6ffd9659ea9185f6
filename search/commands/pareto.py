"""`prunetune pareto`: what accuracy a run gives at what cost."""

from __future__ import annotations

from pathlib import Path

import click

from models.errors import UserError
from search.commands.common import Outcome, Subcommand, run_argument
from search.commands.tools import offered
from search.console import table_text
from search.evidence.formats import number, percent, short
from search.run.candidates import Candidate, all_candidates, pareto
from search.run.results import load_results
from search.run.warnings import run_warnings, warning_lines


@click.command("pareto", cls=Subcommand, example="prunetune pareto runs/quickstart --json")
@run_argument
@click.option("--arm", metavar="ARM", shell_complete=offered.arms, help="only networks of this arm")
def command(run: Path, arm: str | None) -> Outcome:
    """The networks of a run that no other beats in both accuracy and MACs."""
    results = load_results(run)
    candidates = all_candidates(results, arm)
    if not candidates:
        raise UserError(f"{run}: no trial has completed a state; run `prunetune resume {run}`")
    front = pareto(candidates, "macs")
    shown = {one.trial.id: one.trial for one in front}
    warnings = run_warnings(shown.values())
    json = {
        "run": str(results.run),
        "states": len(candidates),
        "front": [one.to_json() for one in front],
        "warnings": [warning.to_json() for warning in warnings],
    }
    return Outcome(json=json, text="\n".join([front_text(front, len(candidates)), *warning_lines(warnings)]))


def front_text(front: list[Candidate], states: int) -> str:
    heading = ["state", "validation", "parameters", "MACs", "of dense", "removed %", "of all %", "network"]
    rows = [
        [
            one.name,
            percent(one.state.val_accuracy),
            f"{one.state.params:,}",
            short(one.state.macs),
            f"{100 * one.macs_share:.1f} %",
            f"{one.state.removed_percent:.1f}",
            number(one.removed_of_all_percent, "{:.1f}"),
            "kept" if one.file else "not kept",
        ]
        for one in front
    ]
    return "\n".join([f"{len(front)} of {states} states are on the front:", table_text(heading, rows)])
