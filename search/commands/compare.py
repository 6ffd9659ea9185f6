"""`prunetune compare`: the arms of a run side by side, and the verdict."""

from __future__ import annotations

import argparse
from pathlib import Path

from models.errors import UserError
from search.commands.common import Outcome
from search.evidence.comparison import Comparison, compare
from search.evidence.final_test import FinalTest, final_test
from search.report.terminal import comparison_text
from search.run.readable import readable
from search.run.results import load_results

EXAMPLE = "prunetune compare runs/quickstart"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, help="the run's folder, such as runs/quickstart")


def run(args: argparse.Namespace) -> Outcome:
    with readable(args.run):
        results = load_results(args.run)
        comparison = compare(results)
        if len(comparison.rows) < 2:
            raise UserError(
                f"{args.run}: its only arm is {comparison.rows[0].arm!r}; a comparison needs two or more under `arms`"
            )
        evidence = final_test(results)
    return Outcome(json=outcome_json(comparison, evidence), text=comparison_text(comparison, evidence))


def outcome_json(comparison: Comparison, evidence: FinalTest | None) -> dict[str, object]:
    return {**comparison.to_json(), "test": evidence.to_json() if evidence else None}
