"""docs/study-files.md is current and complete."""

from __future__ import annotations

from pathlib import Path

import pytest

from search import reference, reference_text
from search.config_file.key_tree import free_sections, known_keys

PAGE = Path(__file__).resolve().parents[2] / "docs" / "study-files.md"
ROWS = [
    row
    for name, root in reference.ROOTS.items()
    for section, model in reference.sections(name, root)
    for row in reference.keys(section, model)
]
SECTIONS = [section for name, root in reference.ROOTS.items() for section, _ in reference.sections(name, root)]


def test_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference.page(), "run: python -m search.reference > docs/study-files.md"


def test_every_key_says_what_it_means_and_may_be() -> None:
    assert len(ROWS) > 100
    assert [row.key for row in ROWS if not row.meaning.endswith((".", ")"))] == []
    assert [row.key for row in ROWS if not (row.values and row.default)] == []


def test_every_key_of_a_trial_is_on_the_page() -> None:
    shown = {row.key for row in ROWS} | set(SECTIONS)
    hidden = {f"trial.{key}" for key in known_keys()} - shown
    # The form {epoch: e} stands in the row of the key itself.
    assert hidden == {"trial.prune.rewind.epoch"}
    assert {f"trial.{key}" for key in free_sections()} <= shown


@pytest.mark.parametrize("table", ["MEANINGS", "RANGES", "DEFAULTS"])
def test_no_text_speaks_of_a_key_that_is_gone(table: str) -> None:
    assert set(getattr(reference_text, table)) <= {row.key for row in ROWS}


def test_no_sentence_speaks_of_a_section_that_is_gone() -> None:
    assert set(reference_text.SECTIONS) <= set(SECTIONS)


def test_every_section_says_what_it_is() -> None:
    page = reference.page()
    first = {section: page.split(f"## `{section}`\n\n", 1)[1].splitlines()[0] for section in SECTIONS}
    assert [section for section, line in first.items() if not line.endswith(".")] == []


def test_limits_and_choices_are_read_from_the_classes() -> None:
    rows = {row.key: row for row in ROWS}
    assert rows["trial.prune.rsst.ramp"].values == "number > 0, ≤ 1"
    assert rows["trial.data.fold"].values == "whole number ≥ 1, ≤ 10"
    assert rows["trial.model.init.source"].default == "required"
    assert rows["trial.prune.scope"].values == "`layerwise`, `global`"
    assert rows["trial.prune.schedule.kept"].values == "list of number > 0, ≤ 1 or null"
