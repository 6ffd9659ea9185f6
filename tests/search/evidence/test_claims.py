"""The words of each claim, and that it keeps its promise: identical arms under two names through the whole path."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.support.null_study import Keys, run_null_study
from search.study.sections import Claim

WORDS: dict[tuple[Claim, Keys], str] = {
    ("pooled", "shared"): "At these 2 recipes (train.lr ",
    ("pooled", "own"): ", and of second at prune.rsst.shrink ",
    ("pooled", "none"): "At the recipe of the study file: ",
    ("tuned", "own"): "Tuned with a budget of 6 configurations, each of 8 times: ",
    ("average", "own"): "On average over 8 random recipes of the space (train.lr, prune.rsst.shrink): ",
    ("configurations", "shared"): "Of these two configurations alone (second-",
}


@pytest.mark.parametrize(("claim", "keys"), WORDS)
def test_the_verdict_says_what_it_speaks_of(tmp_path: Path, claim: Claim, keys: Keys) -> None:
    verdict = run_null_study(tmp_path, 0, claim, keys).verdict
    assert WORDS[claim, keys] in verdict
    assert "method" not in verdict or "alone" in verdict


def claimed(folder: Callable[[str], Path], claim: Claim, keys: Keys, studies: int, effect: float = 0.0) -> int:
    kinds = [
        run_null_study(folder(f"{claim}-{number}"), number, claim, keys, effect=effect).primary[0].kind
        for number in range(studies)
    ]
    return sum(kind in ("better", "worse") for kind in kinds)


@pytest.fixture
def folder(tmp_path: Path) -> Callable[[str], Path]:
    def made(name: str) -> Path:
        (tmp_path / name).mkdir()
        return tmp_path / name

    return made


@pytest.mark.slow
def test_the_same_method_twice_is_told_apart_by_its_configurations_and_not_by_its_tuning(
    folder: Callable[[str], Path],
) -> None:
    """The figures for a thousand studies are `python -m benchmarks.claims`'s; these are its first six."""
    assert claimed(folder, "configurations", "own", 6) >= 2
    assert claimed(folder, "tuned", "own", 6) <= 1


@pytest.mark.slow
def test_a_true_difference_is_found(folder: Callable[[str], Path]) -> None:
    assert claimed(folder, "pooled", "shared", 4, effect=0.03) >= 3
    assert claimed(folder, "average", "own", 4, effect=0.03) >= 2
