"""What the pages under docs/ name is there, and the lists in them are complete."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from pruning.growth import CURVES, growth
from pruning.importance import CRITERIA
from pruning.methods import METHODS
from pruning.normalize import NORMALIZERS
from pruning.schedules import SCHEDULES
from search.study import load_study
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


@pytest.mark.parametrize(
    "names", [METHODS, CRITERIA, CURVES, SCHEDULES], ids=["methods", "criteria", "curves", "schedules"]
)
def test_methods_page_lists_everything_there_is(names: Iterable[str]) -> None:
    shown = set(re.findall(r"`([\w^]+)`", text_of("methods.md")))
    # Refill and RSST have sections of their own.
    assert set(names) <= shown | {"refill", "rsst"}
    assert all(f"## {title}" in text_of("methods.md") for title in ("Refill", "RSST", "Controls"))


def test_methods_page_names_every_normaliser_in_words() -> None:
    said = {"none": "normalize", "mean": "group's mean", "max": "maximum", "lamp": "LAMP"}
    assert set(said) == set(NORMALIZERS)
    assert all(words in text_of("methods.md") for words in said.values())


@pytest.mark.parametrize("tau", [0.0, 0.3, 1.0])
def test_curves_are_as_the_methods_page_writes_them(tau: float) -> None:
    from math import e, exp

    assert growth("x^2", tau) == pytest.approx(tau**2)
    assert growth("exp", tau) == growth("exp_custom", tau) == pytest.approx((exp(tau) - 1) / (e - 1))
    assert growth("exp_custom_exponents", tau, 3.0) == pytest.approx((exp(tau**3) - 1) / (e - 1))


@pytest.mark.parametrize("option", re.findall(r"`--set '([^']+)'`", text_of("weights.md")))
def test_remedies_of_the_weights_page_can_be_typed(option: str) -> None:
    study = load_study(CONFIGS / "digits_controls.yaml", [option])
    init = study.trial_config("refill", {"train.lr": 1e-3}).model.init
    assert init.source == ("path" if "path:" in option else "random")


def test_weights_page_has_both_remedies_to_type() -> None:
    assert len(re.findall(r"`--set '([^']+)'`", text_of("weights.md"))) == 2


def test_no_page_names_a_place_of_ours() -> None:
    for page in PAGES:
        assert not re.search(r"/work/|/home/|/root/", page.read_text(encoding="utf-8")), page.name
