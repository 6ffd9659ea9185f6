"""`prunetune compare`: which arm is better, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from models.errors import UserError
from search.commands.common import Outcome, Subcommand, run_argument
from search.evidence.comparison import Comparison, compare
from search.evidence.final_test import FinalTest, NothingChosen, final_test
from search.report.terminal import comparison_text
from search.run.results import RunResults, load_results
from search.run.warnings import RunWarning, all_warnings


@dataclass(frozen=True)
class Compared:
    """A run's arms side by side, the one look at the test split, and what a reader of both has to know."""

    comparison: Comparison
    test: FinalTest | NothingChosen
    warnings: tuple[RunWarning, ...]

    @property
    def verdict(self) -> str:
        """What is claimed, in words."""
        return self.comparison.verdict

    def to_json(self) -> dict[str, Any]:
        """The object of `prunetune compare --json`."""
        told = {"test": self.test.to_json(), "warnings": [warning.to_json() for warning in self.warnings]}
        return {**self.comparison.to_json(), **told}

    def __str__(self) -> str:
        """What `prunetune compare` prints."""
        return comparison_text(self.comparison, self.test, self.warnings)


@click.command("compare", cls=Subcommand, example="prunetune compare runs/quickstart")
@run_argument
def command(run: Path) -> Outcome:
    """The arms of a run side by side, and the verdict."""
    compared = compare_arms(load_results(run))
    return Outcome(json=compared.to_json(), text=str(compared))


def compare_arms(results: RunResults) -> Compared:
    """UserError where no trial has finished, or where there is one arm alone."""
    comparison = compare(results)
    if len(comparison.rows) < 2:
        raise UserError(
            f"{results.run}: its only arm is {comparison.rows[0].arm!r}; a comparison needs two or more under `arms`"
        )
    return Compared(comparison, final_test(results), tuple(all_warnings(results)))
