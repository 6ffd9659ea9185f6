"""What a trial configuration accepts, refuses and derives."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from trainables.config.prune import ScheduleConfig
from trainables.config.trial import TrialConfig, divide_epochs


def config(**changes: Any) -> TrialConfig:
    base: dict[str, Any] = {
        "model": {"arch": "vit_micro", "init": {"source": "random"}},
        "data": {"name": "digits"},
    }
    return TrialConfig.model_validate(base | changes)


def test_states_count_pruning_events_after_the_dense_state() -> None:
    trial = config(train={"epochs_per_state": 2, "epochs_state0": 7}, prune={"schedule": {"states": 3}})
    assert trial.epochs_of_states() == (7, 2, 2, 2)


@given(
    total=st.integers(1, 500), states=st.integers(1, 20), rule=st.sampled_from(["equal", "last_heavy", "first_heavy"])
)
def test_a_divided_budget_is_spent_wholly_and_every_state_gets_some(total: int, states: int, rule: str) -> None:
    total = max(total, states)
    epochs = divide_epochs(total, states, rule)
    assert sum(epochs) == total
    assert len(epochs) == states
    assert min(epochs) >= 1
    if rule == "last_heavy":
        assert list(epochs) == sorted(epochs)
    if rule == "first_heavy":
        assert list(epochs) == sorted(epochs, reverse=True)
    if rule == "equal":
        assert max(epochs) - min(epochs) <= 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train": {"lr": 0}}, "lr"),
        ({"train": {"betas": [0.9, 1.0]}}, "betas"),
        ({"train": {"learning_rate": 0.1}}, "learning_rate"),
        ({"prune": {"schedule": {"head_ratio": 1.0}}}, "head_ratio"),
        ({"prune": {"schedule": {"kind": "custom"}}}, "kept"),
        ({"prune": {"schedule": {"kind": "custom", "states": 2, "kept": [0.5, 0.6]}}}, "must not rise"),
        ({"prune": {"schedule": {"kind": "custom", "states": 3, "kept": [0.9, 0.6]}}}, "lists 2 fractions"),
        ({"prune": {"schedule": {"macs_target": 0.4, "rate_per_state": 0.2}}}, "macs_target"),
        ({"prune": {"method": "refil"}}, r"method\n.*'refill', 'rsst', .* or 'imp'"),
        ({"prune": {"rsst": {"shrink": 0.1, "lambda_max": 2.0}}}, "not both"),
        ({"prune": {"rsst": {"shrink": 1.0}}}, "shrink"),
        ({"prune": {"rsst": {"lambda_max": -1.0}}}, "lambda_max"),
        ({"prune": {"rsst": {"lambda_max": float("inf")}}}, "lambda_max"),
        ({"prune": {"rsst": {"curve": "x^4"}}}, "curve"),
        ({"prune": {"rsst": {"coupling": "gradiant"}}}, "coupling"),
        ({"prune": {"rsst": {"exponent": 0.0}}}, "exponent"),
        ({"prune": {"rsst": {"ramp": 0.0}}}, "ramp"),
        ({"prune": {"rsst": {"ramp": 1.1, "hold": 0.0}}}, "ramp"),
        ({"prune": {"rsst": {"hold": -0.1}}}, "hold"),
        ({"prune": {"rsst": {"coupling": "gradient"}}}, "lambda_max"),
        ({"prune": {"rsst": {"ramp": 0.8, "hold": 0.3}}}, "at most 1"),
        ({"prune": {"calibration_images": 0}}, "calibration_images"),
        ({"prune": {"calibration_images": None}}, "found null"),
        ({"prune": {"calibration_images": 100, "calibration_batches": 4}}, "not both"),
        ({"data": {"name": "digits", "test_fraction": 1.0}}, "test_fraction"),
        ({"prune": {"rewind": {"epoch": 9}}}, "lies beyond state 0"),
        ({"prune": {"schedule": {"states": 0, "macs_target": 0.5}}}, "at least one pruning event"),
        (
            {"prune": {"schedule": {"kind": "custom", "states": 1, "kept": [0.5], "rate_per_state": 0.1}}},
            "`kept` or `rate_per_state`",
        ),
        ({"train": {"epochs_total": 30, "epochs_state0": 4}}, "leave train.epochs_state0 out"),
        ({"train": {"epochs_total": 3}}, "cannot give each of 6 states one"),
        ({"model": {"arch": "vit_micro", "init": {"source": "path"}}}, "needs a path"),
        ({"model": {"arch": "vit_micro", "init": {"source": "random", "found": "by me"}}}, "leave it out"),
        ({"model": {"arch": "vit_micro", "init": {"source": "pretrained", "found": "by me"}}}, "leave it out"),
        ({"model": {"arch": "vit_micro", "init": {"source": "path", "path": "x", "found": "by me"}}}, "leave it out"),
        (
            {"model": {"arch": "vit_micro", "init": {"source": "random", "sha256": "0" * 64}}},
            "sha256 with source: random",
        ),
        ({"model": {"arch": "vit_micro", "init": {"source": "pretrained", "sha256": "0" * 63}}}, "sha256"),
    ],
)
def test_mistakes_are_refused_with_what_is_wrong(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        config(**changes)


def test_rsst_without_a_strength_shrinks_to_a_thousandth() -> None:
    assert config().prune.rsst.effective_shrink == 1e-3
    assert config(prune={"rsst": {"shrink": 0.2}}).prune.rsst.effective_shrink == 0.2


def test_a_schedule_keeps_of_each_kind_what_its_own_ratio_says() -> None:
    schedule = ScheduleConfig(kind="linear", states=4, head_ratio=0.8, neuron_ratio=0.4)
    assert schedule.kept_fraction("head", 3) == pytest.approx(1 - 0.8 * 3 / 4)
    assert schedule.kept_fraction("neuron", 3) == pytest.approx(1 - 0.4 * 3 / 4)
    assert schedule.kept_fraction("head", 1, course="one_shot") == pytest.approx(0.2)
    assert ScheduleConfig(states=4, rate_per_state=0.1).kept_fraction("head", 3) == pytest.approx(0.9**3)


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0])
def test_a_factor_raises_what_is_kept_in_the_end_to_its_power(factor: float) -> None:
    falling = ScheduleConfig(kind="linear", states=2, head_ratio=0.7)
    assert falling.kept_fraction("head", 2, factor=factor) == pytest.approx(0.3**factor)
    assert falling.kept_fraction("head", 1, factor=factor) == pytest.approx((1 + 0.3**factor) / 2)
    listed = ScheduleConfig(kind="custom", states=2, kept=(0.8, 0.3))
    assert listed.kept_fraction("head", 1, factor=factor) == pytest.approx(0.8**factor)
