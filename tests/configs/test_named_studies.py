"""What single studies promise beyond what every study has to."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from search.config_file.key_tree import is_known
from search.run.plan import plan_of
from search.study.claims import family_warnings, folds_of
from tests.configs.files import CONFIGS
from tests.configs.test_configs import loaded, spec_of


def test_cifar_studies_differ_in_their_data_alone() -> None:
    ten, hundred = (_plain(f"{name}_vit_small") for name in ("cifar10", "cifar100"))
    assert hundred["trial"]["data"].pop("name") == "cifar100"
    assert ten["trial"]["data"].pop("name") == "cifar10"
    assert ten.pop("name") != hundred.pop("name")
    assert ten == hundred


def test_cifar_study_is_the_seeds_experiment_done_right() -> None:
    study = loaded(CONFIGS / "cifar10_vit_small.yaml")
    assert set(study.arms) == {"refill", "rsst", "dense", "random", "one_shot", "scratch"}
    for arm in study.arms:
        config = study.arm(arm).config(study.space.sample(arm, seed=1))
        schedule = config.prune.schedule
        assert (schedule.states, schedule.head_ratio, schedule.neuron_ratio) == (15, 0.7, 0.7)
        assert spec_of(config).patch_size == 4
        assert config.model.init.source == "pretrained"


def test_the_seeds_own_settings_are_what_runs_first() -> None:
    study = loaded(CONFIGS / "cifar10_vit_small_seeds.yaml")
    assert study.search.trials_per_arm == len(study.search.enqueue) == 2
    for arm in set(study.arms) - {"dense"}:
        first, second = (study.arm(arm).config(values) for values in study.enqueued(arm))
        assert (first.train.optimizer, first.train.lr, first.train.batch_size) == ("sgd", 0.01, 128)
        assert first.epochs_of_states() == (60,) * 16
        assert (first.prune.schedule.kind, first.prune.rewind) == ("one_shot", "continue")
        assert (second.prune.schedule.kind, second.prune.rewind) == ("geometric", "init")
        assert first.model.init.source == ("random" if arm.endswith("_from_random") else "pretrained")
    rsst = study.arm("rsst").config(study.enqueued("rsst")[1]).prune.rsst
    assert (rsst.curve, rsst.exponent, rsst.lambda_max, rsst.coupling) == ("exp_custom_exponents", 2.0, 0.3, "gradient")


@pytest.mark.parametrize("name", ["dtd_main", "dtd_ablation", "dtd_published", "dtd_prune"])
def test_textures_have_ten_folds_times_three_seeds_for_every_arm_and_can_settle_something(name: str) -> None:
    study = loaded(CONFIGS / f"{name}.yaml")
    assert study.compare.claim == "folds"
    assert folds_of(study) == tuple(range(1, 11))
    assert family_warnings(study) == []
    for plan in plan_of(study):
        assert (plan.configurations, plan.seeds) == (10, (42, 43, 44))
        folds = [study.arm(plan.arm).config(values).data.fold for values in study.space.grid_points(plan.arm)]
        assert folds == list(range(1, 11))


@pytest.mark.parametrize("name", ["dtd_main", "dtd_ablation", "dtd_published"])
def test_whole_networks_on_textures_differ_in_their_network_alone(name: str) -> None:
    study = loaded(CONFIGS / f"{name}.yaml")
    assert all(set(arm.patch) <= {"model.arch"} for arm in study.arms.values())
    assert all(arm.config({"data.fold": 1}).states == 0 for arm in study.arms.values())
    assert {arm.value("model.init")["source"] for arm in study.arms.values()} == {
        "random" if name == "dtd_published" else "pretrained"
    }


def test_scratch_control_of_the_controls_study_follows_an_arm_that_prunes() -> None:
    study = loaded(CONFIGS / "digits_controls.yaml")
    assert set(study.control_arms()) == {"dense", "random", "one_shot", "scratch", "imp"}
    assert is_known("prune.scratch.arm")
    assert study.arm("scratch").config({"train.lr": 1e-3}).prune.scratch.arm == "refill"


def _plain(name: str) -> dict[str, Any]:
    return copy.deepcopy(loaded(CONFIGS / f"{name}.yaml").to_json())
