"""What a study's verdict will speak of: the default, and what each claim asks of the study."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.support.simulation import BASE, make_study
from models.errors import UserError
from search.study.claims import claim_line, claim_warnings, own_keys, recipe_keys
from search.study.load import load_study
from search.study.replicates import replicate_of

RATE = {"train.lr": {"log_uniform": [1e-4, 1e-2]}}
SHRINK = {"prune.rsst.shrink": {"log_uniform": [1e-4, 0.5], "arms": ["rsst"]}}
CONFIRM = {"algorithm": "tpe", "confirm": {"seeds": [101, 102]}}
RANDOM = {"algorithm": "random", "pairing": "shared", "trials_per_arm": 8}


@pytest.mark.parametrize(
    ("sections", "claim"),
    [
        ({}, "pooled"),
        ({"space": RATE}, "pooled"),
        ({"space": None}, "pooled"),
        ({"space": SHRINK}, "configurations"),
        ({"search": {**CONFIRM, "replicates": 8}}, "tuned"),
        ({"arms": {"refill": {"prune.method": "refill"}}, "space": RATE}, "configurations"),
        ({"compare": {"claim": "configurations"}}, "configurations"),
    ],
)
def test_what_is_claimed_by_default(tmp_path: Path, sections: dict[str, Any], claim: str) -> None:
    assert make_study(tmp_path, **sections).compare.claim == claim


@pytest.mark.parametrize(
    ("sections", "reason"),
    [
        (
            {"arms": {**BASE["arms"], "random": {"prune.method": "random"}}, "space": SHRINK},
            "refill, random searches nothing",
        ),
        ({"space": {**SHRINK, "train.batch_size": {"choice": [32, 64], "arms": ["refill"]}}}, "no key in common"),
        ({"space": {**RATE, "seed": {"choice": [1, 2]}}}, "seed is searched"),
    ],
)
def test_a_study_that_comes_to_the_weakest_claim_unasked_is_told_why(
    tmp_path: Path, sections: dict[str, Any], reason: str
) -> None:
    confirmed = {**sections, "search": CONFIRM}
    (warning,) = claim_warnings(make_study(tmp_path, **confirmed))
    assert reason in warning
    assert "compare.claim: configurations by default" in warning
    assert claim_warnings(make_study(tmp_path, **confirmed, compare={"claim": "configurations"})) == []
    assert claim_warnings(make_study(tmp_path, space=RATE, search=CONFIRM)) == []
    # Without a confirm phase nothing is claimed, weak or strong.
    assert claim_warnings(make_study(tmp_path, **sections)) == []


def test_the_remedy_for_a_searched_seed_is_none_that_is_refused(tmp_path: Path) -> None:
    (warning,) = claim_warnings(make_study(tmp_path, space={**RATE, "seed": {"choice": [1, 2]}}, search=CONFIRM))
    assert "take seed out of the space, or write compare.claim: configurations" in warning
    assert "tuned" not in warning


@pytest.mark.parametrize("option", ["compare={claim: configurations}", "compare.claim=configurations"])
def test_a_claim_stated_by_an_option_is_stated(tmp_path: Path, option: str) -> None:
    make_study(tmp_path, space=SHRINK, search=CONFIRM)
    assert claim_warnings(load_study(tmp_path / "study-file.yaml"))
    assert claim_warnings(load_study(tmp_path / "study-file.yaml", [option])) == []


def test_a_recipe_is_what_all_comparing_arms_search_in_the_same_way(tmp_path: Path) -> None:
    arms = {**BASE["arms"], "dense": {"prune.method": "dense"}}
    space = {"train.lr": {"log_uniform": [1e-4, 1e-2], "arms": ["refill", "rsst"]}, **SHRINK}
    study = make_study(tmp_path, arms=arms, space=space)
    assert recipe_keys(study) == ("train.lr",)
    assert own_keys(study, "rsst") == ("prune.rsst.shrink",)
    assert own_keys(study, "refill") == ()
    ranges = [{"log_uniform": [1e-4, 1e-2], "arms": ["refill"]}, {"log_uniform": [1e-5, 1e-2], "arms": ["rsst"]}]
    assert recipe_keys(make_study(tmp_path, space={"train.lr": ranges})) == ()


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"space": SHRINK, "compare": {"claim": "pooled"}}, "the arms share no searched key"),
        ({"compare": {"claim": "tuned"}}, "give search.confirm.seeds"),
        ({"search": {**CONFIRM, "replicates": 3}, "compare": {"claim": "pooled"}}, "3 searches go with compare.claim"),
        ({"search": CONFIRM, "compare": {"claim": "average"}}, "needs pairing: shared"),
        ({"search": {**RANDOM, "confirm": {"seeds": [1]}}, "compare": {"claim": "average"}}, "no confirm phase"),
        ({"search": RANDOM, "compare": {"claim": "average"}, "scheduler": {"kind": "asha"}}, "no early stopping"),
    ],
)
def test_a_claim_that_the_study_cannot_bear_out_is_refused(tmp_path: Path, sections: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        make_study(tmp_path, **sections)


def test_an_own_key_under_a_condition_on_the_recipe_cannot_be_pooled(tmp_path: Path) -> None:
    shrink = {"prune.rsst.shrink": {"uniform": [0.1, 0.5], "arms": ["rsst"], "when": {"train.optimizer": "adamw"}}}
    space = {"train.optimizer": {"choice": ["adamw", "sgd"]}, **shrink}
    assert make_study(tmp_path, space=space).compare.claim == "configurations"
    with pytest.raises(UserError, match=r"whether prune\.rsst\.shrink is searched depends on them"):
        make_study(tmp_path, space=space, compare={"claim": "pooled"})


def test_a_replicate_has_other_seeds_throughout_and_nothing_else_of_its_own(tmp_path: Path) -> None:
    study = make_study(tmp_path, search={**CONFIRM, "replicates": 3, "seeds": [7, 8]})
    second = replicate_of(study, 2)
    assert replicate_of(study, 0) == study
    assert (second.search.seed, second.search.seeds) == (20_000, (20_007, 20_008))
    assert second.search.confirm is not None
    assert second.search.confirm.seeds == (20_101, 20_102)
    config, moved = (one.arms["rsst"].config({"train.lr": 1e-3}) for one in (study, second))
    assert (moved.seed, moved.data.split_seed) == (config.seed + 20_000, config.data.split_seed + 20_000)
    back = moved.model_copy(update={"seed": config.seed, "data": config.data})
    assert back == config


@pytest.mark.parametrize(
    ("sections", "line"),
    [
        (
            {"search": CONFIRM},
            "claim: pooled, at the arms' choices of train.lr (and of rsst's prune.rsst.shrink as chosen alone); seeds: 2",
        ),
        ({}, "claim: none, since there is no confirm phase; the verdict will be exploratory"),
        ({"search": RANDOM, "compare": {"claim": "average"}}, "claim: average, over random recipes; recipes: 8"),
        ({"arms": {"refill": {}, "dense": {"prune.method": "dense"}}, "space": RATE, "search": CONFIRM},
         "claim: none, since no two arms make smaller networks"),
    ],
)  # fmt: skip
def test_the_claim_is_told_before_anything_runs(tmp_path: Path, sections: dict[str, Any], line: str) -> None:
    assert claim_line(make_study(tmp_path, **sections)) == line


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"search": {**RANDOM, "seeds": [1]}, "compare": {"claim": "average"}}, "a seed of its own for each recipe"),
        ({"search": CONFIRM, "compare": {"claim": "tuned"}}, "rests on independent searches, found one"),
        ({"search": {**CONFIRM, "replicates": 2, "warm_start": "runs/other"}}, "are not independent"),
        ({"search": {**CONFIRM, "replicates": 2, "seeds": [0, 10_000]}}, "lie closer together; found 0 to 10000"),
        ({"search": CONFIRM, "space": {**RATE, "seed": {"int": [0, 5]}}, "compare": {"claim": "pooled"}}, "seed is searched"),
        ({"search": {**CONFIRM, "replicates": 2}, "space": {"data.split_seed": {"int": [0, 5]}}}, "split_seed is searched"),
    ],
)  # fmt: skip
def test_what_is_no_replicate_is_refused(tmp_path: Path, sections: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        make_study(tmp_path, **sections)


def test_an_average_over_a_key_that_dense_lacks_is_refused(tmp_path: Path) -> None:
    arms = {**BASE["arms"], "dense": {"prune.method": "dense"}}
    space = {"train.lr": {"log_uniform": [1e-4, 1e-2], "arms": ["refill", "rsst"]}}
    with pytest.raises(UserError, match="gives every arm the same draw of it"):
        make_study(tmp_path, arms=arms, space=space, search=RANDOM, compare={"claim": "average"})
