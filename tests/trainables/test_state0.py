"""`train.state0`: a recipe that acts on the dense state 0 and on nothing after it."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tests.trainables.small_trials import merged, small_config
from trainables.config.train import DistillConfig, State0Config

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
    nothing_distilled = config.train.model_copy(update={"distill": DistillConfig()})
    assert config.train_of_state(0) == nothing_distilled
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
