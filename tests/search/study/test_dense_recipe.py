"""`search.state0` in a study file: what is searched before the arms, and what may not be asked of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.support.simulation import BASE, make_study
from models.errors import UserError
from search.study.dense_recipe import DENSE_ARM, dense_study, with_any_recipe, with_dense_recipes
from search.study.load import load_study
from search.study.replicates import STRIDE, replicate_of
from search.study.study import Study

KEYS = ("train.state0.lr", "train.state0.weight_decay")
SPACE = {
    "train.state0.lr": {"log_uniform": [3.0e-4, 1.0e-2]},
    "train.lr": {"log_uniform": [1.0e-4, 1.0e-2]},
    "train.state0.weight_decay": {"choice": [0.0, 0.05]},
}
SEARCH = {"trials_per_arm": 3, "state0": {"trials": 5}}
RECIPE = {"train.state0.lr": 0.004, "train.state0.weight_decay": 0.0}


def study_of(folder: Path, **sections: Any) -> Study:
    return make_study(folder, **{"space": SPACE, "search": SEARCH, **sections})


def test_the_keys_of_state0_are_searched_before_the_arms_and_no_arm_searches_them(tmp_path: Path) -> None:
    study = study_of(tmp_path)
    assert {arm.searched_keys for arm in study.arms.values()} == {("train.lr",)}
    dense = dense_study(study)
    assert (dense.searched_keys, dense.search.trials_per_arm, list(dense.arms)) == (KEYS, 5, [DENSE_ARM])
    assert dense.arms[DENSE_ARM].config(RECIPE).epochs_of_states() == (1,)


def test_without_search_state0_the_same_keys_are_searched_by_the_arms(tmp_path: Path) -> None:
    study = study_of(tmp_path, search={"trials_per_arm": 3})
    assert all(set(KEYS) < set(arm.searched_keys) for arm in study.arms.values())
    assert with_any_recipe(study) is study


def test_a_study_and_the_one_of_its_dense_recipe_are_read_back_equal(tmp_path: Path) -> None:
    study = study_of(tmp_path)
    for name, one in {"whole": study, "dense": dense_study(study), "later": dense_study(study, 2)}.items():
        file = tmp_path / f"{name}.yaml"
        file.write_text(one.to_yaml())
        assert load_study(file).to_json() == one.to_json()


def test_all_arms_begin_with_what_was_found_and_the_request_stays_as_it_was(tmp_path: Path) -> None:
    study = study_of(tmp_path)
    found = with_dense_recipes(study, [RECIPE])
    for arm in found.arms.values():
        state0 = arm.config({"train.lr": 1e-3}).train_of_state(0)
        assert (state0.lr, state0.weight_decay) == (0.004, 0.0)
    assert found.to_json() == study.to_json()
    assert with_dense_recipes(study, []) is study


def test_each_of_several_searches_has_its_own_seeds_and_begins_with_its_own_recipe(tmp_path: Path) -> None:
    search = {**SEARCH, "replicates": 2, "confirm": {"seeds": [101, 102]}, "seeds": [3, 4]}
    study = study_of(tmp_path, search=search)
    later = dense_study(study, 1)
    assert later.search.seeds == (3 + STRIDE, 4 + STRIDE)
    assert later.search.seed == study.search.seed + STRIDE
    assert later.arms[DENSE_ARM].value("data.split_seed") == STRIDE
    found = with_dense_recipes(study, [RECIPE, {**RECIPE, "train.state0.lr": 0.001}])
    rates = [replicate_of(found, index).arms["rsst"].config().train_of_state(0).lr for index in (0, 1)]
    assert rates == [0.004, 0.001]


def test_enqueued_configurations_are_tried_for_the_part_that_is_about_state0(tmp_path: Path) -> None:
    study = study_of(
        tmp_path, search={**SEARCH, "enqueue": [{"train.lr": 1e-3, "train.state0.lr": 2e-3}, {"train.lr": 2e-3}]}
    )
    assert study.enqueued("rsst") == ({"train.lr": 1e-3}, {"train.lr": 2e-3})
    assert dense_study(study).search.enqueue == ({"train.state0.lr": 2e-3},)


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"space": {"train.lr": SPACE["train.lr"]}}, "search.state0: searches the keys of the space in train.state0, found "),
        (
            {"space": {**SPACE, "train.state0.lr": {"log_uniform": [1e-4, 1e-2], "arms": ["rsst"]}}},
            "space.train.state0.lr.arms: search.state0 finds one recipe for all arms",
        ),
        (
            {"space": {**SPACE, "train.lr": {"log_uniform": [1e-4, 1e-2], "when": {"train.state0.weight_decay": 0.0}}}},
            "space.train.lr.when: asks for train.state0.weight_decay, which has been settled",
        ),
        (
            {"space": {**SPACE, "train.state0.lr": {"log_uniform": [1e-4, 1e-2], "when": {"train.lr": 0.001}}}},
            "space.train.state0.lr.when: asks for train.lr, which is searched after it",
        ),
        (
            {"space": {**SPACE, "train.state0.lr": {"log_uniform": [1e-4, 1e-2], "when": {"prune.method": "rsst"}}}},
            "space.train.state0.lr.when: asks for prune.method, but nothing is pruned in state 0",
        ),
        (
            {"arms": {**BASE["arms"], "own": {"prune.method": "rsst", "train.state0.lr": 0.002}}},
            "arms.own.train.state0.lr is found by search.state0 for all arms",
        ),
        (
            {"space": {**SPACE, "train.state0.batch_size": {"choice": [64, 0]}}},
            "train.state0.batch_size",
        ),
        ({"search": {**SEARCH, "state0": {"trials": 0}}}, "search.state0.trials"),
        (
            {"search": {**SEARCH, "enqueue": [{"arms": ["rsst"], "train.state0.lr": 2e-3}]}},
            "search.enqueue[0].arms: train.state0.lr is found by search.state0 for all arms",
        ),
        ({"search": {**SEARCH, "enqueue": [{"train.state0.lr": "fast"}]}}, "search.enqueue[0] for arm state0"),
        (
            {"space": {**SPACE, "train.lr": {"choice": [1e-3]}}, "search": {**SEARCH, "algorithm": "grid"}},
            "space.train.state0.lr: a continuous distribution has no grid",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_said_with_its_line(tmp_path: Path, sections: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=r"study-file\.yaml, line \d+: ") as caught:
        study_of(tmp_path, **sections)
    assert said in str(caught.value)
