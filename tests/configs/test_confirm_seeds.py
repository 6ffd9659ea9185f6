"""Committed studies can settle what they ask; the quickstart cannot, and says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.evidence.statistics import fewest_pairs
from search.study.load import load_study
from tests.configs.files import CONFIGS, STUDIES, header

CONFIRMING = [path for path in STUDIES if "confirm:" in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("path", [path for path in CONFIRMING if path.stem != "quickstart"], ids=lambda path: path.stem)
def test_study_has_seeds_enough_for_holms_first_step(path: Path) -> None:
    study = load_study(path)
    assert study.search.confirm is not None
    tests = (len(study.arms) - 1) * max(1, len(study.compare.at))
    seeds = study.search.confirm.seeds
    assert len(set(seeds)) == len(seeds) >= fewest_pairs(study.compare.alpha, tests)


def test_quickstart_says_why_it_has_too_few() -> None:
    study = load_study(CONFIGS / "quickstart.yaml")
    assert study.search.confirm is not None
    assert len(study.search.confirm.seeds) == 3 < fewest_pairs(study.compare.alpha)
    assert "Three keep it at four minutes" in header(CONFIGS / "quickstart.yaml")
