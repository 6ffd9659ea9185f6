"""The comparison as a person reads it on a terminal."""

from __future__ import annotations

from search.console import table_text
from search.evidence.comparison import Comparison
from search.evidence.final_test import FinalTest
from search.report.tables import arm_table, final_test_sentence


def comparison_text(comparison: Comparison, test: FinalTest | None) -> str:
    """Table, verdict and the one look at the test split."""
    table = arm_table(comparison)
    return "\n\n".join([table_text(table.heading, table.rows), comparison.verdict, final_test_sentence(test)])
