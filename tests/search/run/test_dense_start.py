"""What is foretold of state 0: which trials share it, what that spares, and what would make it one for each seed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from search import cli
from search.run.foretold.dense_start import DenseStart, DenseStarts, decides_state0, dense_starts
from search.run.foretold.dense_start_text import dense_start_lines
from search.run.plan import plan_of
from search.study.load import load_study
from search.study.study import Study
from tests.search.small_study import SMALL, small_study

STUDY: dict[str, Any] = {
    "trial": {
        "data": {"train_limit": None},
        "train": {"lr": 1e-3, "epochs_per_state": 3},
        "prune": {"schedule": {"states": 2}},
    },
    "arms": {**SMALL["arms"], "dense": {"prune.method": "dense"}},
    "space": {
        "train.lr": {"log_uniform": [3e-4, 3e-3], "arms": ["refill", "rsst"]},
        "prune.rsst.shrink": {"log_uniform": [1e-4, 0.3], "arms": ["rsst"]},
    },
    "search": {"trials_per_arm": 4, "confirm": {"seeds": [11, 12]}},
    "compare": {"claim": "configurations"},
}
OWN = "trial.train.state0={lr: 1.0e-3, epochs: 5}"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return small_study(tmp_path, **STUDY)


def told(path: Path, *sets: str) -> tuple[Study, DenseStarts, list[str]]:
    study = load_study(path, sets)
    found = dense_starts(study)
    return study, found, dense_start_lines(study, found)


def only(path: Path, *sets: str) -> tuple[DenseStart, str]:
    _, found, lines = told(path, *sets)
    assert len(found.starts) == len(lines) == 1
    return found.starts[0], lines[0]


def test_a_searched_learning_rate_gives_every_configuration_its_own(path: Path) -> None:
    start, line = only(path)
    assert (start.arms, start.searched, start.is_shared) == (("refill", "rsst", "dense"), ("train.lr",), False)
    assert line == (
        "state 0: every configuration trains its own (train.lr is searched and applies to state 0 too): 3 of 9 epochs of a "
        "trial; give train.state0 a recipe, such as {lr: 0.001}, so that all of them start from one dense network for each seed"
    )


def test_its_own_learning_rate_makes_it_one_for_each_seed(path: Path) -> None:
    study, found, (line,) = told(path, OWN)
    trials = sum(len(plan.search_ids) + plan.confirm_trials for plan in plan_of(study))
    assert trials == 4 + 4 + 1 + 3 * 2
    assert found.epochs == trials * 11
    assert found.to_json()["spared_epochs"] == (trials - 3) * 5
    assert line == (
        "state 0: one dense start for each seed (train.state0), trained once: 5 of 11 epochs of a trial; 3 serve 15 trials, "
        "which spares 36 % of the study's epochs"
    )


def test_what_is_suggested_does_make_it_one_for_each_seed(path: Path) -> None:
    harder = ("space.train.epochs_per_state={choice: [2, 4]}", "space.data.augment.mixup={choice: [0.0, 0.2]}",
              "space.train.schedule.kind={choice: [cosine, constant]}", "arms.dense.train.weight_decay=0.1",
              "space.train.batch_size={int: [16, 64], step: 16}")  # fmt: skip
    start, line = only(path, *harder)
    assert start.recipe.keys() == {"lr", "epochs", "augment", "schedule", "weight_decay", "batch_size"}
    assert start.patched == ("train.weight_decay",)
    assert "arms differ in train.weight_decay" in line
    assert "epochs: 4" in line
    asked = load_study(path, [*harder, f"trial.train.state0={json.dumps(start.recipe)}"])
    (after,) = dense_starts(asked).starts
    assert after.is_shared
    assert after.spared_epochs > 0
    configs = [arm.config(asked.space.sample(name, seed)) for name, arm in asked.arms.items() for seed in range(3)]
    assert all(decides_state0(config) == decides_state0(configs[0]) for config in configs)


@pytest.mark.parametrize(
    "option",
    ["space.train.distill.weight={choice: [0.0, 0.5]}", "space.prune.criterion={choice: [magnitude, l2]}",
     "space.data.workers={int: [0, 2]}", "space.train.weight_decay={uniform: [0.0, 0.1]}",
     "space.prune.schedule.states={int: [1, 3]}", "space.data.augment.flip={choice: [true, false]}"],
)  # fmt: skip
def test_keys_that_act_after_state_0_alone_do_not_part_its_trials(path: Path, option: str) -> None:
    own = "trial.train.state0={lr: 1.0e-3, epochs: 5, weight_decay: 0.0, augment: {}}"
    start, _ = only(path, own, option)
    assert start.is_shared


@pytest.mark.parametrize(
    ("option", "searched", "recipe"),
    [
        ("space.train.weight_decay={uniform: [0.0, 0.1]}", "train.weight_decay", {"weight_decay": 0.05}),
        ("space.train.state0.lr={log_uniform: [1.0e-4, 1.0e-2]}", "train.state0.lr", {"lr": 1e-3}),
        ("space.train.momentum={uniform: [0.1, 0.3]}", "train.momentum", {"momentum": pytest.approx(0.1764, abs=1e-3)}),
        ("space.data.fold={choice: [1, 2]}", "data.fold", {}),
        ("space.model.args.depth={choice: [2, 3]}", "model.args.depth", {}),
    ],
)
def test_what_still_parts_them_is_named_with_what_would_help(
    path: Path, option: str, searched: str, recipe: dict[str, object]
) -> None:
    start, line = only(path, OWN, "trial.data.folds=3", option)
    assert (start.searched, start.recipe) == ((searched,), recipe)
    assert start.spared_epochs == 0
    assert ("let train.state0 say as well" in line) == bool(recipe)


def test_a_searched_split_parts_what_a_recipe_makes_equal_otherwise(path: Path) -> None:
    start, line = only(path, "space.data.split_seed={choice: [0, 1]}")
    assert start.beyond == ("data.split_seed",)
    assert line.endswith(
        "such as {lr: 0.001}, so that all of them start from one dense network for each seed, data.split_seed"
    )


def test_a_rate_outside_the_space_is_not_suggested(path: Path) -> None:
    start, _ = only(path, "space.train.lr={log_uniform: [0.01, 0.1]}")
    assert 0.01 < start.recipe["lr"] < 0.1


def test_arms_that_can_never_share_are_told_apart(path: Path) -> None:
    _, found, lines = told(path, OWN, "arms.dense.model.args={depth: 2}")
    assert [one.arms for one in found.starts] == [("refill", "rsst"), ("dense",)]
    assert lines[0].startswith(
        "state 0 of refill, rsst: one dense start for each seed (train.state0), trained once: 5 of 11"
    )
    assert (
        lines[1]
        == "state 0 of dense: one dense start for each seed (train.state0), and one trial: 5 of 11 epochs of a trial"
    )


def test_scratch_has_no_dense_start_but_its_epochs_are_the_studys(path: Path) -> None:
    _, without, _ = told(path, OWN)
    scratch = {"prune.method": "scratch", "prune.scratch.arm": "refill"}
    small_study(path.parent, **{**STUDY, "arms": {**STUDY["arms"], "scratch": scratch}})
    _, found, (line,) = told(path, OWN)
    assert found.starts == without.starts
    assert found.epochs == without.epochs + 3 * 11
    assert line.startswith("state 0 of refill, rsst, dense: one dense start")


def test_where_nothing_is_pruned_there_is_nothing_to_say(path: Path) -> None:
    _, found, lines = told(path, "trial.prune.schedule.states=0")
    assert (found.starts, lines) == ((), [])


def test_random_recipes_have_a_seed_each_and_share_between_arms(path: Path) -> None:
    drawn = "search={algorithm: random, pairing: shared, trials_per_arm: 6}"
    average = ("compare.claim=average", drawn, "arms.dense.prune.method=random",
               "space={train.lr: {log_uniform: [3.0e-4, 3.0e-3]}}")  # fmt: skip
    start, _ = only(path, OWN, *average)
    assert (start.trials, start.dense_networks, start.spared_epochs) == (18, 6, 60)


def test_each_of_several_searches_has_starts_of_its_own(path: Path) -> None:
    start, _ = only(path, OWN, "compare.claim=tuned", "search.replicates=3")
    assert start.dense_networks == 3 * 3
    assert start.spared_epochs == 5 * (start.trials - 9)


def test_validate_says_it(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["validate", str(path), f"--set={OWN}"]) == 0
    assert "\n  state 0: one dense start for each seed (train.state0), trained once: " in capsys.readouterr().out
    assert cli.main(["validate", str(path), f"--set={OWN}", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)["state0"]
    assert (said["epochs"], said["spared_epochs"]) == (165, 60)
    assert said["starts"][0]["arms"] == ["refill", "rsst", "dense"]


def test_augmentation_of_state_0_is_checked_at_its_line_wherever_the_space_leads(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    option = "space.train.state0.augment={choice: [{flip: true}, {rand_augment: strong}]}"
    assert cli.main(["validate", str(path), f"--set={option}"]) == 2
    assert "space.train.state0.augment: found 'strong'" in capsys.readouterr().err
