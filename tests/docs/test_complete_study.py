"""The complete study of docs/study-files.md is one: it loads, it can answer, and it shows every section."""

from __future__ import annotations

import re

from search.run.plan import plan_of
from search.run.preflight import check_request
from search.study.load import load_study
from tests.configs.files import DOCS
from tests.docs.pages import tables_of, text_of

FILE = DOCS / "complete-study.yaml"


def test_it_can_be_run() -> None:
    study = load_study(FILE)
    assert check_request(study) == ()
    assert {plan.arm: len(plan.search_ids) for plan in plan_of(study)} == dict.fromkeys(study.arms, 8)


def test_it_shows_every_section_that_a_person_writes() -> None:
    rows = tables_of(text_of("study-files.md"))[0][1:]
    written = {row[0].strip("`") for row in rows} - {"provenance"}
    assert set(re.findall(r"^(\w+):", FILE.read_text(encoding="utf-8"), re.MULTILINE)) == written


def test_the_page_holds_it_word_for_word() -> None:
    assert f"```yaml\n{FILE.read_text(encoding='utf-8')}```" in text_of("study-files.md")
