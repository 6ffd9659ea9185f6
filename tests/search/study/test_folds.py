"""What a comparison over folds asks of a study file, and what it says where a study cannot give it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.support.simulation import make_study
from models.errors import UserError
from search.run.plan import plan_of
from search.study.claims import claim_line, comparing_arms, family_size, folds_of
from search.study.compared.folds import check_no_growth
from search.study.objective_rules import objective_warnings
from search.study.study import Study

GRID = {"algorithm": "grid", "pairing": "shared", "seeds": [42, 43, 44]}
FOLDS = {"data.fold": {"grid": [3, 1, 2, 4, 5, 6]}}
WHOLE = {"method": "dense", "schedule": {"states": 0}}
MOMENTA = {"net": {}, "other": {"train.momentum": 0.5}}
RATE = {"train.lr": {"grid": [1e-3, 1e-2]}}


def trial(**data: Any) -> dict[str, Any]:
    return {
        "model": {"arch": "vit_micro", "init": {"source": "random"}},
        "data": {"name": "dtd", **data},
        "train": {"epochs_per_state": 1},
        "prune": WHOLE,
    }


def made(folder: Path, **sections: Any) -> Study:
    base = {"trial": trial(), "arms": {"net": {}, "other": {"train.lr": 0.002}}, "space": FOLDS, "search": GRID}
    return make_study(folder, **{**base, **sections})


def test_a_grid_of_folds_is_compared_over_folds_by_itself(tmp_path: Path) -> None:
    study = made(tmp_path)
    assert study.compare.claim == "folds"
    assert folds_of(study) == (1, 2, 3, 4, 5, 6)
    assert comparing_arms(study) == ("net", "other")
    assert family_size(study) == 1
    assert claim_line(study) == "claim: folds, every arm on every fold, 3 seeds averaged in each; folds: 6"
    assert objective_warnings(study) == []
    assert [len(plan.search_ids) for plan in plan_of(study)] == [18, 18]


def test_seeds_and_pairing_may_be_left_out(tmp_path: Path) -> None:
    study = made(tmp_path, search={"algorithm": "grid"})
    assert claim_line(study) == "claim: folds, every arm on every fold, one seed in each; folds: 6"


def test_arms_that_prune_leave_whole_networks_to_the_table(tmp_path: Path) -> None:
    arms = {"net": {"prune": {"method": "rsst", "schedule": {"states": 2}}}, "other": {}, "whole": {}}
    assert comparing_arms(made(tmp_path, arms=arms)) == ("net",)


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"space": FOLDS | RATE, "arms": MOMENTA}, "space.train.lr: compare.claim folds chooses nothing, and train.lr is"),
        ({"space": {"data.fold": {"grid": [2]}}}, "at least two: give space.data.fold"),
        ({"space": {"data.fold": {"grid": [1, 2], "arms": ["net"]}}}, "at least two: give space.data.fold"),
        ({"search": {**GRID, "trials_per_arm": 4}}, "runs all 6 folds of the space, found 4"),
        ({"search": {"algorithm": "random", "trials_per_arm": 6}}, "needs algorithm: grid, found random"),
        ({"search": {**GRID, "confirm": {"seeds": [1]}}}, "needs no confirm phase"),
        ({"search": {**GRID, "enqueue": [{"data.fold": 1}]}}, "needs no enqueued configurations, found 1"),
        ({"scheduler": {"kind": "asha"}}, "needs no early stopping, found asha"),
        ({"trial": {**trial(), "data": {"name": "digits"}}}, "there are no folds; say data.folds"),
        ({"search": {**GRID, "replicates": 3}}, "3 searches go with compare.claim: tuned"),
    ],
)  # fmt: skip
def test_what_does_not_go_with_it_is_said(tmp_path: Path, sections: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message.replace("(", r"\(")):
        made(tmp_path, compare={"claim": "folds"}, **sections)


def test_a_structure_is_not_taken_from_one_fold_to_another(tmp_path: Path) -> None:
    cut = {"method": "refill", "schedule": {"states": 1, "head_ratio": 0.5, "neuron_ratio": 0.5}}
    arms = {"net": {}, "scratch": {"prune.method": "scratch", "prune.scratch.arm": "net"}}
    with pytest.raises(UserError, match="trained on images that other folds test with"):
        made(tmp_path, trial={**trial(), "prune": cut}, arms=arms)


def test_looks_go_with_seeds_to_confirm_with(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="folds counts none"):
        made(tmp_path, compare={"looks": [4, 6]})


def test_other_keys_in_the_grid_leave_nothing_claimed_and_that_is_told(tmp_path: Path) -> None:
    study = made(tmp_path, space=FOLDS | RATE, arms=MOMENTA)
    assert study.compare.claim == "configurations"
    (warning,) = objective_warnings(study)
    assert "nothing is claimed over the folds, since train.lr is searched beside data.fold" in warning


def test_a_fold_that_is_chosen_and_confirmed_is_told_what_to_do(tmp_path: Path) -> None:
    cut = {"method": "refill", "schedule": {"states": 1, "head_ratio": 0.5, "neuron_ratio": 0.5}}
    study = made(tmp_path, trial={**trial(), "prune": cut}, search={**GRID, "confirm": {"seeds": list(range(8))}})
    (warning,) = [one for one in objective_warnings(study) if "compare.claim" in one]
    assert "run every fold and choose nothing (a grid of data.fold alone, no search.confirm: claim folds)" in warning


def test_three_folds_can_settle_nothing(tmp_path: Path) -> None:
    (warning,) = objective_warnings(made(tmp_path, space={"data.fold": {"grid": [1, 2, 3]}}))
    assert warning == (
        "space.data.fold: 3 folds cannot settle a difference at alpha 0.05, whatever the trials say "
        "(the smallest p is 0.25); 6 can, where the data has so many; fewer arms or levels are fewer tests"
    )


def test_it_does_not_grow(tmp_path: Path) -> None:
    study = made(tmp_path)
    check_no_growth(study, ())
    with pytest.raises(UserError, match=r"--confirm-seeds: a comparison over folds .* does not grow: its 6 values"):
        check_no_growth(study, ("--confirm-seeds",))
    check_no_growth(made(tmp_path, compare={"claim": "configurations"}), ("--confirm-seeds",))
