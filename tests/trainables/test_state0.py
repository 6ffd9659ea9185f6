"""`train.state0`: a recipe that acts on the dense state 0 and on nothing after it."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file

from models.errors import UserError
from tests.trainables.small_trials import merged, numbers, open_trial, run, small_config
from trainables.config.train import DistillConfig, State0Config
from trainables.trial import Trial

SGD = {"train": {"optimizer": "sgd", "lr": 0.01}}
FIELDS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "lr": ({"lr": 5e-4}, {}),
    "batch_size": ({"batch_size": 48}, {}),
    "optimizer": ({"optimizer": "sgd"}, {}),
    "weight_decay": ({"weight_decay": 0.5}, {}),
    "momentum": ({"momentum": 0.5}, SGD),
    "betas": ({"betas": [0.5, 0.9]}, {}),
    "schedule": ({"schedule": {"kind": "constant", "warmup": 0.0}}, {}),
    "label_smoothing": ({"label_smoothing": 0.2}, {}),
    "clip_grad_norm": ({"clip_grad_norm": 1e-3}, SGD),
    "augment": ({"augment": {"crop_padding": 1, "flip": True, "mixup": 0.2}}, {}),
    "epochs": ({"epochs": 3}, {}),
}
"""Field → what it is set to, and the trial in which that makes a difference."""

of_each_field = pytest.mark.parametrize("field", FIELDS)


def with_state0(field: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Changes of a small trial without `train.state0`, and with the field set there."""
    state0, trial = FIELDS[field]
    return trial, merged(trial, {"train": {"state0": state0}})


def test_every_field_is_tried() -> None:
    assert set(FIELDS) == set(State0Config.model_fields)


@of_each_field
def test_a_field_changes_the_recipe_of_state_0_and_of_no_other(field: str) -> None:
    plain, own = (small_config(**changes) for changes in with_state0(field))
    for state in (1, 2):
        assert own.train_of_state(state) == plain.train
        assert own.augment_of_state(state) == plain.data.augment
        assert own.epochs_of_states()[state] == plain.epochs_of_states()[state]
    before = (plain.train_of_state(0).model_dump(), plain.augment_of_state(0), plain.epochs_of_states()[0])
    after = (own.train_of_state(0).model_dump(), own.augment_of_state(0), own.epochs_of_states()[0])
    assert [one != other for one, other in zip(before, after, strict=True)] == [
        field not in ("augment", "epochs"),
        field == "augment",
        field == "epochs",
    ]
    if field in after[0]:
        assert {key for key in after[0] if before[0][key] != after[0][key]} == {field}
    assert own.train_of_state(0).state0 == State0Config()


def test_without_it_every_state_trains_as_the_trial_says() -> None:
    config = small_config(train={"distill": {"weight": 0.5}})
    assert config.train_of_state(1) == config.train_of_state(2) == config.train
    assert config.train_of_state(0) == config.train.model_copy(update={"distill": DistillConfig()})
    assert config.augment_of_state(0) is config.augment_of_state(1) is config.data.augment


def test_it_can_switch_off_what_the_trial_clips() -> None:
    config = small_config(train={"state0": {"clip_grad_norm": "never"}})
    assert config.train_of_state(0).clip_grad_norm is None
    assert config.train_of_state(1).clip_grad_norm == 1.0


def test_scratch_has_no_dense_state_and_keeps_the_trials_recipe() -> None:
    state0 = {"lr": 5e-4, "batch_size": 8, "augment": {"flip": True}}
    config = small_config(train={"state0": state0}, prune={"method": "scratch"})
    assert config.train_of_state(0) == small_config().train
    assert config.augment_of_state(0) == config.data.augment


@pytest.mark.parametrize(
    ("train", "epochs"),
    [
        ({"state0": {"epochs": 7}}, (7, 2, 2)),
        ({"state0": {"lr": 0.1}, "epochs_state0": 7}, (7, 2, 2)),
        ({"state0": {"epochs": 7}, "epochs_total": 10}, (7, 5, 5)),
        ({"state0": {"epochs": 7}, "epochs_total": 8, "epochs_rule": "last_heavy"}, (7, 3, 5)),
        ({"state0": {"lr": 0.1}, "epochs_total": 9}, (3, 3, 3)),
    ],
)
def test_epochs_of_state_0_are_its_own_and_a_budget_is_then_for_the_rest(
    train: dict[str, Any], epochs: tuple[int, ...]
) -> None:
    assert small_config(train=train).epochs_of_states() == epochs


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"train": {"epochs_state0": 4, "state0": {"epochs": 3}}},
            r"train\.epochs_state0: found 4, and train\.state0\.epochs 3, .* leave train\.epochs_state0 out",
        ),
        (
            {"train": {"epochs_total": 1, "state0": {"epochs": 3}}},
            "train.epochs_total: 1 epochs cannot give each of 2 states after state 0 one",
        ),
        (
            {"train": {"epochs_total": 5, "state0": {"epochs": 3}}, "prune": {"schedule": {"states": 0}}},
            r"train\.epochs_total: found 5, but train\.state0\.epochs gives the only state its epochs",
        ),
        ({"train": {"state0": {"epochs": 3}}, "prune": {"rewind": {"epoch": 4}}}, "state 0, which has 3 epochs"),
        ({"train": {"state0": {"lr": 0}}}, "lr"),
        ({"train": {"state0": {"clip_grad_norm": "off"}}}, "never"),
        ({"train": {"state0": {"precision": "float32"}}}, "precision"),
    ],
)
def test_mistakes_are_refused_with_what_is_wrong(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        small_config(**changes)


def after_state_0(folder: Path, changes: dict[str, Any]) -> Trial:
    """A trial that has trained its state 0, and started the next."""
    trial = open_trial(folder, **changes)
    while trial.procedure.position.state == 0:
        trial.step()
    trial.procedure.start_state()
    return trial


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Trial]:
    """The trial of a field without `train.state0`, trained once for all fields that are tried in the same one."""

    @cache
    def trained(trial: str) -> Trial:
        return after_state_0(tmp_path_factory.mktemp("plain") / "t", json.loads(trial))

    return lambda field: trained(json.dumps(with_state0(field)[0]))


def dense_weights(folder: Path) -> dict[str, torch.Tensor]:
    weights: dict[str, torch.Tensor] = load_file(folder / "states/00.safetensors")
    return weights


def same_weights(folder: Path, other: Path) -> bool:
    ours, theirs = dense_weights(folder), dense_weights(other)
    assert ours.keys() == theirs.keys()
    return all(torch.equal(ours[name], theirs[name]) for name in ours)


@of_each_field
def test_a_field_acts_on_the_training_of_state_0_and_on_no_later_one(
    tmp_path: Path, field: str, without: Callable[[str], Trial]
) -> None:
    plain, own = without(field), after_state_0(tmp_path, with_state0(field)[1])
    assert not same_weights(plain.folder, own.folder)
    later, expected = own.procedure.running, plain.procedure.running
    assert later is not None
    assert expected is not None
    assert (later.engine.config, later.augment, later.rates) == (
        expected.engine.config,
        expected.augment,
        expected.rates,
    )
    assert later.steps_per_epoch == expected.steps_per_epoch
    assert (later.engine.mix is None) == (expected.engine.mix is None)
    assert type(later.engine.optimizer) is type(expected.engine.optimizer)


def test_trials_of_one_seed_start_from_the_same_dense_network_whatever_recipe_they_search(tmp_path: Path) -> None:
    state0 = {"lr": 1e-3, "batch_size": 24, "weight_decay": 0.01, "augment": {"crop_padding": 1}, "epochs": 1}
    searched: dict[str, dict[str, Any]] = {
        "a": {"train": {"lr": 1e-2}},
        "b": {"train": {"lr": 1e-4, "batch_size": 64, "weight_decay": 0.1, "epochs_per_state": 3}},
        "c": {"data": {"augment": {"mixup": 0.4, "flip": True}}, "prune": {"method": "rsst", "target": "head"}},
        "d": {"prune": {"method": "dense"}, "train": {"epochs_total": 5, "distill": {"weight": 0.5}}},
        "seed": {"seed": 6},
    }
    for name, changes in searched.items():
        trial = open_trial(tmp_path / name, **merged({"train": {"state0": state0}}, changes))
        trial.step()
        assert trial.procedure.position.state == 1
    assert all(same_weights(tmp_path / "a", tmp_path / name) for name in ("b", "c", "d"))
    assert [numbers(tmp_path / name)[0] for name in ("b", "d")] == [numbers(tmp_path / "a")[0]] * 2
    assert not same_weights(tmp_path / "a", tmp_path / "seed")


def test_a_recipe_that_repeats_the_trials_own_changes_no_number(tmp_path: Path, straight: Path) -> None:
    config = small_config()
    said = {
        name: getattr(config.train, name)
        for name in State0Config.model_fields
        if name in type(config.train).model_fields
    }
    state0 = {**said, "epochs": 2, "augment": config.data.augment}
    run(open_trial(tmp_path, train={"state0": State0Config.model_validate(state0).model_dump()}))
    assert numbers(tmp_path) == numbers(straight)


def test_calibration_goes_by_the_trials_batch_size(tmp_path: Path) -> None:
    changes = {"prune": {"calibration_images": None, "calibration_batches": 2, "criterion": "taylor"}}
    asked: list[tuple[int, int]] = []
    trial = open_trial(tmp_path, **changes, train={"state0": {"batch_size": 8}, "epochs_per_state": 1})
    given = type(trial.procedure.data).calibration_batches

    def noted(data: Any, batch_size: int, *, images: int) -> Any:
        asked.append((batch_size, images))
        return given(data, batch_size, images=images)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(type(trial.procedure.data), "calibration_batches", noted)
        trial.step()
        trial.step()
    assert asked == [(32, 64)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"train": {"state0": {"augment": {"rand_augment": "strong"}}}},
            r"train\.state0\.augment\.rand_augment: found 'strong'",
        ),
        (
            {"train": {"state0": {"augment": {"random_resized_crop": 0.5}}}},
            r"train\.state0\.augment\.random_resized_crop: digits has small images",
        ),
        (
            {"train": {"state0": {"batch_size": 1, "augment": {"mixup": 0.2}}}},
            r"train\.state0\.batch_size: found 1, but train\.state0\.augment\.mixup and cutmix",
        ),
        (
            {"train": {"state0": {"batch_size": 1}}, "data": {"augment": {"mixup": 0.2}}},
            r"train\.state0\.batch_size: found 1, but data\.augment\.mixup and cutmix",
        ),
        (
            {"train": {"batch_size": 1, "state0": {"batch_size": 8}}, "data": {"augment": {"mixup": 0.2}}},
            r"train\.batch_size: found 1, but data\.augment\.mixup and cutmix",
        ),
    ],
)
def test_what_cannot_work_is_named_at_its_key_before_anything_is_trained(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        open_trial(tmp_path, **changes)
    assert not (tmp_path / "record.jsonl").exists()


def test_batches_of_one_image_work_where_nothing_is_mixed_in_that_state(tmp_path: Path) -> None:
    own = {"batch_size": 1, "augment": {"mixup": 0.0}, "epochs": 1}
    trial = open_trial(tmp_path, train={"state0": own}, data={"augment": {"mixup": 0.2}, "train_limit": 16})
    trial.step()
    assert trial.procedure.position.state == 1
