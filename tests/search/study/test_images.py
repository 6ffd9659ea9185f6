"""Arms that are judged on different images cannot be paired, and other images are named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.support.simulation import BASE, make_study
from models.errors import UserError
from search.study.compared.arms import arm_warnings
from search.study.load import load_study

CONFIRM = {"trials_per_arm": 1, "confirm": {"seeds": [101, 102]}}


def arms_with(**patch: Any) -> dict[str, Any]:
    first, second = BASE["arms"]
    return {
        first: BASE["arms"][first],
        second: {**BASE["arms"][second], **{f"data.{key}": patch[key] for key in patch}},
    }


def made(tmp_path: Path, claim: str | None = "configurations", metric: str = "test_accuracy", **sections: Any) -> Any:
    compare = {"metric": metric} | ({} if claim is None else {"claim": claim})
    return make_study(tmp_path, **{"space": None, "search": CONFIRM, "compare": compare, **sections})


@pytest.mark.parametrize(
    ("patch", "claim", "told"),
    [
        ({"split_seed": 5}, None, r"arms\.rsst\.data\.split_seed: rsst has 5 and refill 0"),
        ({"split_seed": 5}, "pooled", "claim pooled has no pairs of trials to compare; give both arms the same"),
        ({"name": "fashion_mnist"}, None, r"data\.name: rsst has fashion_mnist and refill digits"),
        ({"root": "/data/other"}, None, r"data\.root: rsst has /data/other and refill the default"),
        ({"test_fraction": 0.3}, None, r"data\.test_fraction: rsst has 0\.3"),
        ({"folds": 4, "fold": 2}, None, r"data\.folds?: rsst has"),
    ],
)
def test_arms_on_different_test_images_are_refused_at_their_line(
    tmp_path: Path, patch: dict[str, Any], claim: str | None, told: str
) -> None:
    with pytest.raises(UserError, match=told) as caught:
        made(tmp_path, claim, arms=arms_with(**patch))
    assert "study-file.yaml, line " in str(caught.value)
    assert "judged on different test images" in str(caught.value)


def test_it_is_the_arm_that_says_so_whose_line_is_named(tmp_path: Path) -> None:
    arms = {"refill": {"prune.method": "refill", "data.split_seed": 5}, "rsst": {"prune.method": "rsst"}}
    with pytest.raises(UserError, match=r"arms\.refill\.data\.split_seed: rsst has 0 and refill 5"):
        made(tmp_path, None, arms=arms)


def test_searches_of_their_own_do_not_make_one_split_of_two(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="claim tuned has no pairs"):
        made(tmp_path, None, arms=arms_with(split_seed=5), search={**CONFIRM, "replicates": 6})


def test_what_is_compared_on_validation_needs_the_same_validation_images(tmp_path: Path) -> None:
    arms = arms_with(val_fraction=0.2)
    with pytest.raises(UserError, match="different validation images"):
        made(tmp_path, None, "val_accuracy", arms=arms)
    assert made(tmp_path, None, arms=arms).compare.claim == "pooled"


@pytest.mark.parametrize(
    ("patch", "told"),
    [
        ({"split_seed": 5}, "on different test images (data.split_seed: rsst 5, refill 0), so"),
        ({"image_size": 16}, "on images that differ (data.image_size: rsst 16, refill the default), so"),
        ({"train_limit": 99, "val_fraction": 0.2}, "(data.val_fraction: rsst 0.2, refill 0.1; data.train_limit: rsst 99, "),
        ({"augment.flip": True}, "on images that differ (data.augment.flip: rsst true, refill false), so"),
    ],
)  # fmt: skip
def test_what_differs_is_named(tmp_path: Path, patch: dict[str, Any], told: str) -> None:
    (warning,) = arm_warnings(made(tmp_path, arms=arms_with(**patch)))
    assert warning.startswith("arms.rsst: compared with refill ")
    assert told in warning


@pytest.mark.parametrize("patch", [{"workers": 0}, {"on_bad_image": "skip"}, {"split_seed": 0}, {"val_fraction": 0.1}])
def test_what_changes_no_image_is_not(tmp_path: Path, patch: dict[str, Any]) -> None:
    study = made(tmp_path, None, arms=arms_with(**patch))
    assert study.compare.claim == "pooled"
    assert arm_warnings(study) == []


def test_folds_of_dtd_are_different_test_images(tmp_path: Path) -> None:
    trial = {**BASE["trial"], "data": {"name": "dtd"}}
    with pytest.raises(UserError, match=r"data\.fold: rsst has 3 and refill 1"):
        made(tmp_path, None, trial=trial, arms=arms_with(fold=3))


def test_a_reference_on_other_images_is_named_and_no_test_rests_on_it(tmp_path: Path) -> None:
    arms = {**BASE["arms"], "dense": {"prune.method": "dense", "data.split_seed": 5}}
    (warning,) = arm_warnings(made(tmp_path, None, arms=arms))
    assert "arms.dense: compared with refill on different test images" in warning


def test_where_nothing_is_claimed_nothing_is_refused(tmp_path: Path) -> None:
    study = made(tmp_path, None, arms=arms_with(split_seed=5), search={"trials_per_arm": 1})
    assert len(arm_warnings(study)) == 1


def test_a_run_that_was_begun_so_is_still_read(tmp_path: Path) -> None:
    made(tmp_path, "configurations", arms=arms_with(split_seed=5))
    file = tmp_path / "study-file.yaml"
    file.write_text(file.read_text().replace("configurations", "pooled"))
    with pytest.raises(UserError, match="no pairs"):
        load_study(file)
    assert load_study(file, recorded=True).compare.claim == "pooled"


def test_a_search_that_chooses_the_test_images_arm_by_arm_is_no_tuning(tmp_path: Path) -> None:
    """Shared, as a recipe, they are the same for every arm of a pair."""
    space = {"data.test_fraction": {"choice": [0.2, 0.3]}}
    search = {"trials_per_arm": 2, "confirm": {"seeds": [101, 102]}}
    assert made(tmp_path, None, space=space, search=search).compare.claim == "pooled"
    own = {"data.test_fraction": {**space["data.test_fraction"], "arms": ["rsst"]}}
    assert made(tmp_path, None, space=own, search=search).compare.claim == "configurations"
    with pytest.raises(UserError, match=r"data\.test_fraction is searched"):
        made(tmp_path, "tuned", space=space, search={**search, "replicates": 6})
