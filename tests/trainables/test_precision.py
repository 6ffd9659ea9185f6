"""Devices and number formats: what is asked for is there, or an error; the loss scaler goes on where it stood."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from models.errors import UserError
from tests.trainables.small_trials import open_trial
from trainables.training.precision import loss_scaler, resolve_device

CPU = torch.device("cpu")


@pytest.mark.parametrize("name", ["mps", "meta", "gpu", "xpu", ""])
def test_a_device_that_is_no_choice_is_an_error(name: str) -> None:
    with pytest.raises(UserError, match=r"train\.device: found .*; expected auto, cpu, cuda or cuda:N"):
        resolve_device(name)


def test_a_loss_scaler_goes_on_from_its_stored_state() -> None:
    straight = loss_scaler("float16", CPU)
    step(straight, float("inf"))
    step(straight, 1.0)
    again = loss_scaler("float16", CPU, straight.state_dict())
    step(straight, 1.0)
    step(again, 1.0)
    assert again.get_scale() == 2.0**15, "halved once, by the infinite gradient"
    assert again.state_dict() == straight.state_dict()
    assert loss_scaler("float32", CPU, straight.state_dict()).state_dict() == {}


def test_a_trial_goes_on_with_its_loss_scaler_and_starts_each_state_with_a_fresh_one(tmp_path: Path) -> None:
    changes: dict[str, Any] = {"train": {"precision": "float16"}, "data": {"train_limit": 64}}
    trial = open_trial(tmp_path, **changes)
    trial.step()
    stored = trial.procedure.running.engine.scaler.state_dict()
    assert stored["_growth_tracker"] > 0
    again = open_trial(tmp_path, **changes)
    assert again.procedure.start_state().engine.scaler.state_dict() == stored
    again.step()
    assert again.procedure.position.scaler == {}


def step(scaler: torch.amp.GradScaler, gradient: float) -> None:
    weight = torch.nn.Parameter(torch.ones(1))
    optimizer = torch.optim.SGD([weight], lr=0.1)
    torch.autograd.backward(scaler.scale(weight.sum() * gradient))
    scaler.step(optimizer)
    scaler.update()
