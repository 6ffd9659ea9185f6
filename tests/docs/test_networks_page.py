"""The page on networks is what its generator makes of the networks."""

from __future__ import annotations

import runpy
from types import SimpleNamespace

import pytest

from models.units.structure import KINDS, SHORT_FORMS
from tests.configs.files import DOCS
from tests.docs.pages import keys_in, section_of, tables_of, text_of

reference = SimpleNamespace(**runpy.run_path(str(DOCS / "networks_reference.py")))
EXAMPLES = [(family, name) for family, names in reference.EXAMPLES.items() for name in names]
CUT, WHOLE, WHY = (
    tables_of(section_of("networks.md", heading))[0][1:] for heading in (reference.CUT, reference.WHOLE, reference.WHY)
)
RENEW = "run: python docs/networks_reference.py"


@pytest.mark.parametrize(("family", "name"), EXAMPLES, ids=[name for _, name in EXAMPLES])
def test_each_row_is_current(family: str, name: str) -> None:
    made = reference.example(family, name)
    assert made.line in text_of("networks.md").splitlines(), RENEW
    reasons = {row[0]: row[1] for row in WHY}
    for block in made.reach.left_whole:
        assert block.reason == reference.UNKNOWN or f"`{block.block}`" in reasons[block.reason], RENEW


def test_there_are_no_other_rows() -> None:
    shown = [row[1] for row in CUT] + [row[0] for row in WHOLE]
    assert sorted(shown) == sorted(f"`timm:{name}`" for _, name in EXAMPLES), RENEW


def test_rows_are_put_in_place_of_the_old_ones_and_nothing_else_changes() -> None:
    text = "# a\n\n## b\n\nwords\n\n| x |\n|---|\n| 1 |\n| 2 |\n\nmore\n\n## c\n\n| x |\n|---|\n| 3 |\n"
    assert reference.with_rows(text, "## b", ["| 4 |"]) == text.replace("| 1 |\n| 2 |", "| 4 |")


def test_kinds_and_their_targets() -> None:
    rows = tables_of(text_of("networks.md"))[0][1:]
    said = {target: {row[0].strip("`") for row in rows if target in keys_in(row[1])} for target in SHORT_FORMS}
    assert said == {target: set(kinds) for target, kinds in SHORT_FORMS.items()}
    assert [row[0].strip("`") for row in rows] == list(KINDS)
