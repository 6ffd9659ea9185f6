"""The page on searched schedules: its figures, its lists and its studies are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

from pruning.schedules import SCHEDULES
from search.config_file import key_tree, yaml_file
from search.run.plan import plan_of
from search.space.space import Space
from search.study.claims import claim_warnings, family_warnings
from search.study.load import load_study
from tests.configs.files import CONFIGS
from tests.docs.pages import section_of, tables_of, text_of
from tests.trainables.small_trials import small_config

PAGE = "schedules.md"
SEARCHED = "## What is searched, and what is held equal"


def blocks() -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", text_of(PAGE), re.DOTALL)


def test_the_tables_name_keys_that_exist_and_all_that_the_study_searches() -> None:
    searched, held = tables_of(section_of(PAGE, SEARCHED))
    keys = {row[0].strip("` ") for row in searched[1:]}
    assert all(key_tree.is_known(key) for key in keys)
    assert keys == set(load_study(CONFIGS / "schedule_search.yaml").space.keys())
    assert all(key_tree.is_known(key) for row in held[1:] for key in re.findall(r"`((?:prune|train)[\w.]*)`", row[1]))
    kinds = next(row for row in searched if "kind" in row[0])[2]
    assert tuple(re.findall(r"`(\w+)`", kinds)) == tuple(SCHEDULES)


def test_its_examples_of_epochs_are_what_the_trial_has() -> None:
    text = section_of(PAGE, SEARCHED)
    said = [tuple(map(int, re.findall(r"\d+", found))) for found in re.findall(r"((?:\d, )+\d and \d)", text)]
    train = {"epochs_total": 16, "first_event": 0.25}
    prune = {"schedule": {"states": 4}}
    common = small_config(train={**train, "state0": {"epochs": 8}}, prune=prune)
    assert said == [common.epochs_of_states(), small_config(train=train, prune=prune).epochs_of_states()]


def test_its_figures_are_those_of_the_study() -> None:
    study, text = load_study(CONFIGS / "schedule_search.yaml"), section_of(PAGE, "## The study")
    plans = plan_of(study)
    trials = sum(len(plan.search_ids) + plan.confirm_trials for plan in plans)
    starts = len(study.search.seeds or ()) + len(study.search.confirm.seeds if study.search.confirm else ())
    config = study.arm("dense").config()
    epochs, of_state0 = sum(config.epochs_of_states()), config.epochs_of_states()[0]
    spared = 100 * (trials - starts) * of_state0 / (trials * epochs)
    assert f"{trials} trials of {epochs} epochs" in text
    assert f"spares {spared:.0f} % or more" in text
    assert f"the same {study.search.trials_per_arm} schedules" in text


def test_the_space_with_conditions_is_one(tmp_path: Path) -> None:
    document = {
        "trial": {"model": {"arch": "vit_micro", "init": {"source": "random"}}, "data": {"name": "digits"}},
        "arms": {"refill": {"prune.method": "refill"}},
    }
    path = tmp_path / "study.yaml"
    path.write_text(yaml_file.dump(document) + blocks()[0], encoding="utf-8")
    space: Space = load_study(path).space
    assert space.grid_size("refill") == 3 + 2 + 2


def test_two_schedules_against_each_other_can_be_settled(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(blocks()[1], encoding="utf-8")
    study = load_study(path)
    assert study.compare.claim == "pooled"
    assert [*claim_warnings(study), *family_warnings(study)] == []
    usual, chosen = (arm.config() for arm in study.arms.values())
    assert sum(usual.epochs_of_states()) == sum(chosen.epochs_of_states())
    searched = load_study(CONFIGS / "schedule_search.yaml").arm("refill").config()
    assert usual == searched, "the usual schedule of the study, by the same recipe"
