"""Devices and number formats: what is asked for is there, or an error; the loss scaler goes on where it stood."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from models.errors import UserError
from tests.trainables.small_trials import open_trial, run
from trainables.files.record import read_record
from trainables.files.state_files import load_network_file
from trainables.training.epoch import evaluate
from trainables.training.precision import loss_scaler, resolve_device, without_tf32

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


def test_what_is_reported_of_a_state_is_that_of_the_network_in_its_file(tmp_path: Path) -> None:
    """In float32, whatever was trained in: a file holds float32, and whoever loads it computes in that."""
    trial = open_trial(tmp_path, train={"precision": "bfloat16"}, prune={"method": "rsst", "schedule": {"states": 1}})
    run(trial)
    record = read_record(tmp_path)
    assert record is not None
    data = trial.procedure.data
    for end in record.states:
        model = load_network_file(tmp_path, end.state, "vit_micro")
        for part, loss, accuracy in (
            ("val", end.val_loss, end.val_accuracy),
            ("test", end.test_loss, end.test_accuracy),
        ):
            exact = evaluate(model, data.eval_batches(part, 256), "float32", CPU)
            rounded = evaluate(model, data.eval_batches(part, 256), "bfloat16", CPU)
            assert (loss, accuracy) == (exact.loss, exact.accuracy)
            assert exact.loss != rounded.loss, "or this shows nothing"
    ends = [line for line in record.epochs if line["epoch"] == 2]
    assert [line["val_loss"] for line in ends] == [end.val_loss for end in record.states]


def test_float32_is_float32_while_a_state_is_judged_and_what_it_was_afterwards() -> None:
    before = torch.backends.cudnn.allow_tf32
    with without_tf32():
        assert not torch.backends.cudnn.allow_tf32
    assert torch.backends.cudnn.allow_tf32 is before


def step(scaler: torch.amp.GradScaler, gradient: float) -> None:
    weight = torch.nn.Parameter(torch.ones(1))
    optimizer = torch.optim.SGD([weight], lr=0.1)
    torch.autograd.backward(scaler.scale(weight.sum() * gradient))
    scaler.step(optimizer)
    scaler.update()
