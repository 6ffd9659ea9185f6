"""The comparison as a person reads it on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from search.console import table_text
from search.evidence.comparison import Comparison
from search.evidence.final_test import FinalTest, NothingChosen
from search.report.tables import arm_table, cost_sentence, final_test_sentence, winner_lines
from search.run.warnings import RunWarning, warning_lines


def comparison_text(
    comparison: Comparison, test: FinalTest | NothingChosen, warnings: Sequence[RunWarning] = ()
) -> str:
    """Table, verdict with what a reader of it has to know, and the one look at the test split."""
    table, chose = arm_table(comparison), winner_lines(comparison)
    verdict = "\n".join(filter(None, [comparison.verdict, *warning_lines(warnings), cost_sentence(comparison)]))
    parts = [table_text(table.heading, table.rows), "\n".join(chose), verdict, final_test_sentence(test)]
    return "\n\n".join(filter(None, parts))
