"""The recipe that `search.state0` finds is the one that every arm trains its state 0 with, and what that spares is foretold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.support.simulation import BASE, make_study
from models.errors import UserError
from search.run.foretold.dense_start import dense_starts
from search.run.foretold.dense_start_text import dense_start_lines
from search.run.possible.dense_recipe import check_dense_recipe
from search.study.dense_recipe import DENSE_ARM, dense_study, with_dense_recipes
from search.study.study import Study
from search.tuning.beginnings import beginnings_of

SPACE = {"train.state0.lr": {"log_uniform": [3.0e-4, 1.0e-2]}, "train.lr": {"log_uniform": [1.0e-4, 1.0e-2]}}
SEARCH = {"trials_per_arm": 3, "state0": {"trials": 5}}
ARMS = {
    "refill": {"prune.method": "refill"},
    "deep": {"prune.method": "rsst", "prune.schedule.states": 9, "train.distill.weight": 0.5},
    "dense": {"prune.method": "dense"},
    "scratch": {"prune.method": "scratch", "prune.scratch.arm": "refill"},
}


def study_of(folder: Path, **sections: Any) -> Study:
    return make_study(folder, **{"space": SPACE, "search": SEARCH, "arms": ARMS, **sections})


def test_every_arm_takes_the_dense_network_over_that_the_recipe_was_found_with(tmp_path: Path) -> None:
    study = study_of(tmp_path)
    check_dense_recipe(study)
    recipe = {"train.state0.lr": 0.002}
    trained = beginnings_of(dense_study(study).arms[DENSE_ARM].config(recipe).model_dump(mode="json"))
    assert len(trained) == 1
    for name, arm in with_dense_recipes(study, [recipe]).arms.items():
        begins = beginnings_of(arm.config({"train.lr": 0.005}).model_dump(mode="json"))[0]
        assert (begins == trained[0]) == (name != "scratch"), name


def test_another_recipe_is_another_dense_network(tmp_path: Path) -> None:
    study = study_of(tmp_path)
    names = {
        beginnings_of(
            with_dense_recipes(study, [{"train.state0.lr": rate}]).arms["refill"].config().model_dump(mode="json")
        )[0]
        for rate in (0.001, 0.002)
    }
    assert len(names) == 2


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        (
            {"space": {**SPACE, "train.weight_decay": {"choice": [0.0, 0.1]}}},
            "train.weight_decay, which state 0 follows from, is searched (space.train.weight_decay); let "
            "train.state0.weight_decay settle it",
        ),
        (
            {"arms": {**ARMS, "soft": {"prune.method": "refill", "train.label_smoothing": 0.1}}},
            "train.label_smoothing, which state 0 follows from, is another in arm soft; let "
            "train.state0.label_smoothing settle it",
        ),
        (
            {"arms": {**ARMS, "long": {"prune.method": "refill", "train.epochs_per_state": 4}}},
            "train.state0.epochs, which state 0 follows from, is another in arm long; let train.state0.epochs settle it",
        ),
        (
            {"arms": {**ARMS, "other": {"prune.method": "refill", "model.arch": "vit_tiny"}}},
            "model.arch, which state 0 follows from, is another in arm other; make it the same for all arms",
        ),
    ],
)  # fmt: skip
def test_an_arm_whose_state_0_would_be_another_is_named_with_what_settles_it(
    tmp_path: Path, sections: dict[str, Any], said: str
) -> None:
    with pytest.raises(UserError) as caught:
        check_dense_recipe(study_of(tmp_path, **sections))
    assert said in str(caught.value)


def test_what_settles_it_does(tmp_path: Path) -> None:
    trial = {**BASE["trial"], "train": {"epochs_per_state": 1, "state0": {"weight_decay": 0.05, "epochs": 2}}}
    arms = {**ARMS, "long": {"prune.method": "refill", "train.epochs_per_state": 4}}
    space = {**SPACE, "train.weight_decay": {"choice": [0.0, 0.1]}}
    check_dense_recipe(study_of(tmp_path, trial=trial, arms=arms, space=space))


def test_seeds_splits_and_folds_may_be_others(tmp_path: Path) -> None:
    arms = {"refill": {"prune.method": "refill"}, "other": {"prune.method": "refill", "data.split_seed": 3, "seed": 4}}
    check_dense_recipe(study_of(tmp_path, arms=arms))


def test_epochs_are_foretold_by_the_longest_recipe_that_may_be_found(tmp_path: Path) -> None:
    space = {**SPACE, "train.state0.epochs": {"choice": [2, 10, 5]}}
    found = dense_starts(study_of(tmp_path, space=space, arms=BASE["arms"]))
    assert found.sought.epochs == (2, 10)
    (start,) = found.starts
    assert start.epochs == (10, 10)


def test_validate_foretells_the_search_and_that_its_find_is_shared(tmp_path: Path) -> None:
    study = study_of(tmp_path, arms=BASE["arms"])
    found = dense_starts(study)
    assert (found.sought.trials, found.sought.epochs, found.to_json()["sought_first"]["keys"]) == (
        5,
        (1, 1),
        ("train.state0.lr",),
    )
    assert all(start.is_shared for start in found.starts)
    assert dense_start_lines(study, found)[0] == (
        "state 0: its recipe is sought first (search.state0): train.state0.lr, in 5 trials of 1 epoch"
    )
