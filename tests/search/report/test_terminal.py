"""Tables on the terminal hold every cell whole, wherever standard output goes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from search.console import table_text
from search.evidence.comparison import compare
from search.evidence.final_test import final_test
from search.report.tables import arm_table
from search.report.terminal import comparison_text
from search.run.results import load_results

HEADING = ["arm", "training MACs"]


def test_a_long_cell_is_neither_cut_nor_folded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    name, note = "x" * 90, "95.00 %, " * 20 + "end"
    heading, _, row = table_text(HEADING, [[name, note]]).splitlines()
    assert row == f"{name}  {note}"
    assert heading == f"arm{'training MACs':>{len(row) - 3}}"


def test_a_table_in_a_file_has_neither_colours_nor_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    text = table_text(HEADING, [["[red]refill", ":smile: 1"]])
    assert "[red]refill" in text
    assert ":smile: 1" in text
    assert "\x1b" not in text


def test_the_comparison_shows_what_the_page_shows(report: Path) -> None:
    results = load_results(report.parent)
    comparison = compare(results)
    text = comparison_text(comparison, final_test(results))
    table = arm_table(comparison)
    lines = [re.split(r" {2,}", line) for line in text.splitlines()]
    assert lines[0] == list(table.heading)
    assert lines[2:4] == [list(row) for row in table.rows]
    assert comparison.verdict in text
    assert (
        "Test accuracy of rsst-confirm-s101, chosen by highest mean validation accuracy of 2 confirmed configurations"
        in text
    )
