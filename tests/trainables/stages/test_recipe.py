"""Every key of a trial's configuration acts from one state on, or on none, and the recipes of states say which."""

from __future__ import annotations

from typing import Any

import pytest

from search.config_file import key_tree
from tests.trainables.small_trials import BASE, small_config
from trainables.config.trial import TrialConfig
from trainables.stages.recipe import recipes_of, shared_by_all_states

NEVER = 99
ACTS_FROM: dict[str, tuple[Any, int]] = {
    "model.arch": ("resnet18", 0),
    "model.init.source": ("pretrained", 0),
    "model.init.tag": ("x", 0),
    "model.init.path": ("x.safetensors", 0),
    "model.init.from": ("x.safetensors", 0),
    "model.init.sha256": ("0" * 64, NEVER),
    "model.init.found": ("weights/x.safetensors", NEVER),
    "model.patch_size": (2, 0),
    "model.args": ({"depth": 3}, 0),
    "data.name": ("cifar10", 0),
    "data.root": ("elsewhere", 0),
    "data.image_size": (16, 0),
    "data.val_fraction": (0.3, 0),
    "data.test_fraction": (0.3, 0),
    "data.split_seed": (1, 0),
    "data.folds": (2, 0),
    "data.fold": (2, 0),
    "data.on_bad_image": ("skip", NEVER),
    "data.train_limit": (90, 0),
    "data.augment.crop_padding": (1, 0),
    "data.augment.flip": (True, 0),
    "data.augment.rand_augment": ("rand-m9", 0),
    "data.augment.random_resized_crop": (0.5, 0),
    "data.augment.mixup": (0.1, 0),
    "data.augment.cutmix": (0.1, 0),
    "data.workers": (0, NEVER),
    "train.optimizer": ("sgd", 0),
    "train.lr": (1e-3, 0),
    "train.weight_decay": (0.1, 0),
    "train.momentum": (0.8, 0),
    "train.betas": ([0.8, 0.99], 0),
    "train.batch_size": (16, 0),
    "train.epochs_per_state": (3, 0),
    "train.epochs_state0": (3, 0),
    "train.epochs_total": (7, 0),
    "train.epochs_rule": ("last_heavy", NEVER),
    "train.first_event": (0.5, 0),
    "train.schedule.kind": ("constant", 0),
    "train.schedule.warmup": (0.2, 0),
    "train.schedule.final": (0.1, 0),
    "train.schedule.milestones": ([0.5], 0),
    "train.schedule.gamma": (0.2, 0),
    "train.label_smoothing": (0.1, 0),
    "train.clip_grad_norm": (None, 0),
    "train.precision": ("float32", 0),
    "train.distill.weight": (0.5, 1),
    "train.distill.temperature": (2.0, 1),
    "train.distill.teacher": ({"init": {"source": "path", "path": "x.safetensors"}}, NEVER),
    "train.device": ("auto", 0),
    "train.graph": ("never", 0),
    "train.threads": (2, 0),
    "train.diverged_loss": (10.0, 0),
    "prune.method": ("rsst", 1),
    "prune.target": ("mlp", 1),
    "prune.criterion": ("l2", 1),
    "prune.normalize": ("max", 1),
    "prune.score": ("per_mac", 1),
    "prune.scope": ("layerwise", 1),
    "prune.min_kept": (2, 1),
    "prune.round_to": (8, 1),
    "prune.compensate": ("mean", 1),
    "prune.calibration_images": (32, 1),
    "prune.calibration_batches": (1, 1),
    "prune.widths": ("imp", 1),
    "prune.fillback_rate": (0.1, NEVER),
    "prune.rewind": ("init", 1),
    "prune.schedule.kind": ("linear", 1),
    "prune.schedule.states": (3, 1),
    "prune.schedule.head_ratio": (0.6, 1),
    "prune.schedule.neuron_ratio": (0.5, 1),
    "prune.schedule.token_ratio": (0.6, NEVER),
    "prune.schedule.channel_ratio": (0.6, NEVER),
    "prune.schedule.embed_ratio": (0.6, NEVER),
    "prune.schedule.qk_ratio": (0.6, NEVER),
    "prune.schedule.branch_ratio": (0.6, NEVER),
    "prune.schedule.interaction_ratio": (0.6, NEVER),
    "prune.schedule.kept": ([0.9, 0.8], 1),
    "prune.schedule.rate_per_state": (0.1, 1),
    "prune.schedule.macs_target": (0.5, 1),
    "prune.rsst.curve": ("exp", NEVER),
    "prune.rsst.exponent": (3.0, NEVER),
    "prune.rsst.shrink": (0.1, NEVER),
    "prune.rsst.lambda_max": (1.0, NEVER),
    "prune.rsst.coupling": ("gradient", NEVER),
    "prune.rsst.ramp": (0.4, NEVER),
    "prune.rsst.hold": (0.2, NEVER),
    "prune.scratch.arm": ("refill", NEVER),
    "prune.scratch.file": ("x.safetensors", NEVER),
    "prune.scratch.match": ("macs", NEVER),
    "measure.latency": (True, 0),
    "measure.latency_batch": (2, NEVER),
    "seed": (6, 0),
}
"""Key → another value, and the first state whose outcome that changes."""
WITH: dict[str, dict[str, Any]] = {
    "prune.calibration_batches": {"prune.calibration_images": None},
    "data.fold": {"data.folds": 3},
    "model.init.tag": {"model.init.source": "pretrained"},
    "model.init.path": {"model.init.source": "path"},
    "model.init.from": {"model.init.source": "partial"},
    "prune.schedule.kept": {"prune.schedule.kind": "custom"},
    "train.first_event": {"train.epochs_total": 6},
    "prune.rsst.coupling": {"prune.rsst.lambda_max": 1.0},
}
"""What has to be said besides."""
OF_BOTH: dict[str, dict[str, Any]] = {
    key: {"model.init.source": "pretrained", "model.init.tag": "x"} for key in ("model.init.sha256", "model.init.found")
}
"""What has to be said besides, without the key too."""


def prefixes(config: TrialConfig) -> list[Any]:
    shared = shared_by_all_states(config)
    recipes = recipes_of(config)
    return [[shared, *recipes[: state + 1]] for state in range(len(recipes))]


@pytest.mark.parametrize("key", ACTS_FROM)
def test_a_key_changes_the_states_from_the_one_on_that_it_acts_in(key: str) -> None:
    value, first = ACTS_FROM[key]
    base = key_tree.with_keys(BASE, OF_BOTH.get(key, {}))
    changed = TrialConfig.model_validate(key_tree.with_keys(base, {key: value, **WITH.get(key, {})}))
    pairs = zip(prefixes(TrialConfig.model_validate(base)), prefixes(changed), strict=False)
    assert [before == now for before, now in pairs] == [state < first for state in range(3)]


def test_every_key_of_a_configuration_is_here() -> None:
    """A new key has to be thought of: a recipe that leaves it out would take over a state of another procedure."""
    known = {key for key, _ in key_tree.leaves(small_config().model_dump(mode="json"))}
    assert {key for key in known if not key.startswith(("model.args", "train.state0"))} == ACTS_FROM.keys() - {
        "model.args"
    }


TEACHER = {"init": {"source": "path", "path": "x.safetensors"}}


def test_an_outside_teacher_acts_in_state_0_too_and_only_where_it_has_a_weight() -> None:
    taught, dense, none = (
        small_config(train={"distill": {"weight": weight, "teacher": teacher}})
        for weight, teacher in ((0.5, TEACHER), (0.5, "dense"), (0.0, TEACHER))
    )
    assert [one == other for one, other in zip(prefixes(taught), prefixes(dense), strict=True)] == [False] * 3
    assert prefixes(none) == prefixes(small_config())
    assert recipes_of(taught)[0]["train"]["distill"]["teacher"]["init"]["path"] == "x.safetensors"


def test_without_an_outside_teacher_recipes_are_what_they_were_before_there_was_one() -> None:
    """So that what runs have shared is found again."""
    recipes = recipes_of(small_config(train={"distill": {"weight": 0.5}}))
    assert "distill" not in recipes[0]["train"]
    assert [one["train"]["distill"] for one in recipes[1:]] == [{"weight": 0.5, "temperature": 4.0}] * 2


OWN = {"lr": 1e-3, "batch_size": 16, "optimizer": "adamw", "weight_decay": 0.1, "momentum": 0.5, "betas": [0.9, 0.99]}
OWN |= {"label_smoothing": 0.1, "clip_grad_norm": 2.0, "schedule": {"kind": "constant"}, "augment": {"flip": True}}


@pytest.mark.parametrize("key", OWN)
def test_with_a_recipe_of_its_own_state_0_does_not_hang_on_the_trials(key: str) -> None:
    one = small_config(train={"state0": OWN})
    trials_own = {"data.augment.flip": True} if key == "augment" else {f"train.{key}": OWN[key]}
    other = TrialConfig.model_validate(key_tree.with_keys(one.model_dump(mode="json"), trials_own))
    same = [before == now for before, now in zip(prefixes(one), prefixes(other), strict=True)]
    assert same == ([True] * 3 if key == "optimizer" else [True, False, False])
    assert prefixes(one)[0] != prefixes(small_config(train={"state0": {**OWN, key: None}}))[0] or key == "optimizer"


def test_rssts_settings_act_in_its_own_states_alone() -> None:
    rsst = small_config(prune={"method": "rsst"})
    for key in (key for key in ACTS_FROM if key.startswith("prune.rsst.")):
        given = key_tree.with_keys(BASE, {"prune.method": "rsst", key: ACTS_FROM[key][0], **WITH.get(key, {})})
        changed = TrialConfig.model_validate(given)
        same = [before == now for before, now in zip(prefixes(rsst), prefixes(changed), strict=True)]
        assert same == [True, False, False], key


def test_two_schedules_share_the_events_that_ask_for_the_same() -> None:
    one, other = (
        small_config(prune={"schedule": {"kind": "custom", "states": 3, "kept": [0.8, 0.6, last]}})
        for last in (0.5, 0.4)
    )
    same = [before == now for before, now in zip(prefixes(one), prefixes(other), strict=True)]
    assert same == [True, True, True, False]


def test_trials_that_wait_share_the_wait_whatever_removes_units_after_it() -> None:
    waits = {"epochs_total": 8, "first_event": 0.5, "state0": {"epochs": 2}}
    one, other = (small_config(train=waits, prune={"method": method}) for method in ("refill", "rsst"))
    same = [before == now for before, now in zip(prefixes(one), prefixes(other), strict=True)]
    assert same == [True, True, False, False]
    at_once = small_config(train={**waits, "first_event": 0.0})
    same = [before == now for before, now in zip(prefixes(one), prefixes(at_once), strict=False)]
    assert same == [True, False, False], "state 1 of this one begins with an event"
