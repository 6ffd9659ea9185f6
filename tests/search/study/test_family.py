"""How many tests a study states, and whether its confirm seeds can settle any of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.support.simulation import make_study
from search.config_file import yaml_file
from search.evidence.statistics import holm, subset_means
from search.study.claims import family_size, family_warnings
from search.study.load import load_study
from search.study.objective_rules import objective_warnings
from search.study.study import Study
from tests.search.made_runs import TRIAL

METHODS = ("refill", "rsst", "random", "one_shot", "dense")


def study_of(path: Path, seeds: int, levels: list[int], baseline: str | None = None) -> Study:
    document = {
        "name": "family",
        "trial": TRIAL,
        "arms": {method: {"prune.method": method} for method in METHODS},
        "search": {"confirm": {"seeds": list(range(101, 101 + seeds))}},
        "compare": {"at": levels, "baseline": baseline},
    }
    file = path / "family.yaml"
    file.write_text(yaml_file.dump(document), encoding="utf-8")
    return load_study(file)


@pytest.mark.parametrize(("levels", "baseline", "tests"), [([], None, 3), ([20, 40, 60], None, 9), ([60], "dense", 4)])
def test_family_is_every_smaller_arm_against_the_baseline_at_every_level(
    levels: list[int], baseline: str | None, tests: int, tmp_path: Path
) -> None:
    assert family_size(study_of(tmp_path, 8, levels, baseline)) == tests


def test_seeds_too_few_for_the_family_are_named_with_what_would_do(tmp_path: Path) -> None:
    (warning,) = family_warnings(study_of(tmp_path, 8, [20, 40, 60]))
    assert "8 seeds cannot settle any of 9 differences at alpha 0.05" in warning
    assert "(the smallest p is 9 x 0.00781 = 0.0703 after Holm); 9 can" in warning
    assert family_warnings(study_of(tmp_path, 9, [20, 40, 60])) == []
    assert family_warnings(study_of(tmp_path, 8, [60])) == []


def test_recipes_too_few_are_named_although_nothing_is_confirmed(tmp_path: Path) -> None:
    search = {"algorithm": "random", "pairing": "shared", "trials_per_arm": 3}
    space = {"train.lr": {"log_uniform": [1e-4, 1e-2]}}
    warnings = objective_warnings(make_study(tmp_path, space=space, search=search, compare={"claim": "average"}))
    assert "search.trials_per_arm: 3 recipes cannot settle a difference at alpha 0.05" in warnings[0]
    assert "6 can" in warnings[0]


@pytest.mark.parametrize("seeds", [5, 6, 7, 8, 9, 10])
@pytest.mark.parametrize("levels", [1, 2, 3])
def test_it_warns_exactly_where_the_clearest_data_settle_nothing(seeds: int, levels: int, tmp_path: Path) -> None:
    study = study_of(tmp_path, seeds, [20, 40, 60][:levels])
    clearest = holm([subset_means([0.1] * seeds).p_two_sided()] * family_size(study))
    assert bool(family_warnings(study)) == (min(clearest) > study.compare.alpha)
