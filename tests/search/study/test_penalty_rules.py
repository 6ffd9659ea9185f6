"""A penalty that cannot act somewhere in an arm's space is warned of once, with the values that make it so."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.run.preflight import check_study
from search.study.load import load_study
from search.study.penalty_rules import penalty_warnings_of_space
from search.study.study import Study
from tests.search.small_study import small_study


def study_of(folder: Path, *sets: str) -> Study:
    trial = {
        "data": {"train_limit": None},
        "train": {"lr": 1e-3, "batch_size": 44},
        "prune": {"schedule": {"states": 2}},
    }
    return load_study(small_study(folder, trial=trial, space={"train.lr": {"log_uniform": [3e-4, 3e-3]}}), sets)


def warnings_of(folder: Path, *sets: str, images: int = 1294) -> tuple[str, ...]:
    study = study_of(folder, *sets)
    return penalty_warnings_of_space(study, study.arms["rsst"], lambda data: data.train_limit or images)


def test_the_value_that_leaves_too_much_is_named_alone(tmp_path: Path) -> None:
    """What `shrink` leaves is the same at any learning rate, so that is not named."""
    (line,) = warnings_of(tmp_path, "space.prune.rsst.shrink={log_uniform: [1.0e-4, 0.5]}")
    assert line.startswith("the penalty hardly acts: with prune.rsst.shrink: 0.5, it alone leaves 0.4")
    assert warnings_of(tmp_path, "space.prune.rsst.shrink={log_uniform: [1.0e-4, 0.3]}") == ()


def test_all_values_that_it_hangs_on_are_named_of_the_worst_corner(tmp_path: Path) -> None:
    sets = [
        "space.prune.rsst.lambda_max={log_uniform: [1.0, 100.0]}",
        "space.prune.criterion={choice: [magnitude, l2]}",
    ]
    (line,) = warnings_of(tmp_path, *sets)
    assert "with train.lr: 0.0003, prune.rsst.lambda_max: 1, it alone leaves 0.99" in line


def test_two_values_that_only_together_leave_too_much_are_found(tmp_path: Path) -> None:
    sets = [
        "trial.prune.rsst.curve=x^2",
        "space.prune.rsst.shrink={uniform: [0.1, 0.45]}",
        "space.prune.rsst.ramp={uniform: [0.3, 0.8]}",
    ]
    (line,) = warnings_of(tmp_path, *sets)
    assert "with prune.rsst.shrink: 0.45, prune.rsst.ramp: 0.8, it alone leaves 0.4" in line


def test_a_number_of_images_that_is_searched_counts(tmp_path: Path) -> None:
    sets = ["arms.rsst.prune.rsst.lambda_max=300", "space.data.train_limit={choice: [1200, 100]}"]
    (line,) = warnings_of(tmp_path, *sets)
    assert "with train.lr: 0.0003, data.train_limit: 100, " in line


def test_a_corner_where_no_penalty_can_be_had_is_told_and_not_refused(tmp_path: Path) -> None:
    lines = warnings_of(tmp_path, "space.prune.rsst.lambda_max={log_uniform: [300, 1.0e+6]}")
    (line,) = [line for line in lines if line.startswith("the penalty cannot be had: ")]
    assert " with prune.rsst.lambda_max: " in line
    assert "expected below 1" in line


@pytest.mark.parametrize("searched", ["", "space.prune.rsst.lambda_max={log_uniform: [1.0, 10.0]}"])
def test_the_check_before_the_start_says_it_once(tmp_path: Path, searched: str) -> None:
    """Of the space where it is searched, and not of the configuration that happened to be drawn from it."""
    sets = [searched] if searched else ["arms.rsst.prune.rsst.lambda_max=1"]
    told = check_study(study_of(tmp_path, *sets)).warnings
    (line,) = [line for line in told if "penalty" in line]
    assert line.startswith("rsst: the penalty hardly acts: with train.lr: 0.0003, ")
