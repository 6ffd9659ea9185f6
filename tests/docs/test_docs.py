"""What the pages under docs/ name is there, and the lists in them are complete."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from pruning.growth import CURVES, growth
from pruning.importance import CRITERIA
from pruning.methods import METHODS
from pruning.normalize import AUTO, NORMALIZERS
from pruning.schedules import SCHEDULES
from search.study.load import load_study
from tests.configs.files import CONFIGS, DOCS, REPOSITORY

PAGES = sorted(DOCS.glob("*.md"))
pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def text_of(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


@pages
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert "://" in target or (page.parent / target).exists(), target


@pages
def test_files_that_a_page_names_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"`((?:models|pruning|trainables|search|configs|weights|docs)/[\w./-]*)`", text)
    missing = [name for name in named if not (REPOSITORY / name).exists()]
    assert missing == []


def table(head: str) -> dict[str, str]:
    """First column → second of the table on the methods page whose first column has this head; names without backticks.

    A row of several names has either as many entries, or one for all.
    """
    rows = re.search(rf"^\| {re.escape(head)} \|.*\n\|[-|]+\n((?:\|.*\n)+)", text_of("methods.md"), re.MULTILINE)
    assert rows, f"the page has no table of {head}"
    found = {}
    for row in rows[1].splitlines():
        first, second = (cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:3])
        names = re.findall(r"`([^`]+)`", first)
        entries = second.split(", ")
        found |= dict(zip(names, entries if len(entries) == len(names) else [second] * len(names), strict=True))
    return found


@pytest.mark.parametrize(
    ("head", "names", "elsewhere"),
    [
        # Refill and RSST have sections of their own.
        ("`method`", METHODS, {"refill", "rsst"}),
        ("`criterion`", CRITERIA, set()),
        ("`curve`", CURVES, set()),
        ("`schedule.kind`", SCHEDULES, set()),
    ],
)
def test_methods_page_lists_everything_there_is(head: str, names: Iterable[str], elsewhere: set[str]) -> None:
    assert set(table(head)) - {"rate_per_state"} == set(names) - elsewhere
    assert all(f"## {title}" in text_of("methods.md") for title in ("Refill", "RSST", "Controls"))


def test_methods_page_names_every_normaliser_in_words() -> None:
    said = {
        "none": "`none`", "mean": "group's mean", "max": "maximum", "lamp": "LAMP", "shape": "one shape", "auto": "`auto`",
    }  # fmt: skip
    assert set(said) == {*NORMALIZERS, AUTO}
    assert all(words in text_of("methods.md") for words in said.values())


@pytest.mark.parametrize("tau", [0.0, 0.3, 1.0])
def test_curves_are_as_the_methods_page_writes_them(tau: float) -> None:
    written = table("`curve`")
    for curve in CURVES:
        assert growth(curve, tau, 3.0) == pytest.approx(worth(written[curve], tau, 3.0)), curve


def worth(formula: str, tau: float, exponent: float) -> float:
    """A formula of the page, such as `(e^τ - 1)/(e - 1)`, evaluated."""
    formula = formula.removesuffix(", p = `exponent`")
    for written, meant in {"^": "**", "²": "**2", "³": "**3"}.items():
        formula = formula.replace(written, meant)
    return float(eval(formula, {"__builtins__": {}}, {"e": math.e, "τ": tau, "p": exponent}))


@pytest.mark.parametrize("option", re.findall(r"`--set '([^']+)'`", text_of("weights.md")))
def test_remedies_of_the_weights_page_can_be_typed(option: str) -> None:
    study = load_study(CONFIGS / "digits_controls.yaml", [option])
    init = study.arm("refill").config({"train.lr": 1e-3}).model.init
    assert init.source == ("path" if "path:" in option else "random")


def test_weights_page_has_both_remedies_to_type() -> None:
    assert len(re.findall(r"`--set '([^']+)'`", text_of("weights.md"))) == 2


def test_no_page_names_a_place_of_ours() -> None:
    for page in PAGES:
        assert not re.search(r"/work/|/home/|/root/", page.read_text(encoding="utf-8")), page.name
