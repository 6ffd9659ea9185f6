"""The README leads a newcomer to every page, and explains its first words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.configs.files import DOCS, REPOSITORY
from tests.docs.pages import tables_of, text_of

FIRST_PAGES = ["README.md", "CHANGELOG.md"]


def links(page: Path) -> list[str]:
    return [target for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")) if "://" not in target]


@pytest.mark.parametrize("name", FIRST_PAGES)
def test_links_lead_somewhere(name: str) -> None:
    assert links(REPOSITORY / name)
    assert [target for target in links(REPOSITORY / name) if not (REPOSITORY / target).exists()] == []


def test_tests_that_a_page_names_exist() -> None:
    named = re.findall(r"\btests/[\w/]+\.py", text_of("contributing.md"))
    assert named
    assert [name for name in named if not (REPOSITORY / name).exists()] == []


def test_readme_leads_to_every_page() -> None:
    assert {f"docs/{page.name}" for page in DOCS.glob("*.md")} <= set(links(REPOSITORY / "README.md"))


def test_readme_explains_state_arm_and_study_before_it_uses_them() -> None:
    opening = (REPOSITORY / "README.md").read_text(encoding="utf-8").split("\n## ")[0]
    for word in ("state", "arm", "study", "trial"):
        explained = re.search(rf"\*{word}s?\*", opening)
        used = re.search(rf"(?<![*\w]){word}s?\b", opening)
        assert explained, word
        assert used is None or explained.start() < used.start(), word


def test_glossary_has_the_words_of_the_other_pages_one_row_each() -> None:
    words = [row[0].strip("*") for row in tables_of(text_of("glossary.md"))[0][1:]]
    assert len(set(words)) == len(words)
    needed = {"arm", "state", "event", "kept fraction", "rung", "phase", "confirm", "contrast", "margin", "control"}
    assert needed | {"removed percent", "trial"} <= set(words)
