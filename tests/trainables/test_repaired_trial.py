"""Trials with `prune.compensate`: every removing method has it, what it did is recorded, and it goes on after a kill."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from models.errors import UserError
from pruning.catalogue import METHODS
from tests.trainables.small_trials import killed_after_each, numbers, open_trial, run
from trainables.data.in_memory import InMemoryData
from trainables.files.record import StateEnd, read_record

LEAST_SQUARES = {"prune": {"compensate": "least_squares"}}
CHANNELS: dict[str, Any] = {
    "model": {"arch": "timm:resnet18", "args": {"layers": [1, 1, 1, 1], "channels": [16, 24, 32, 40]}},
    "data": {"image_size": 16, "train_limit": 64},
    "train": {"optimizer": "sgd", "lr": 0.02, "epochs_per_state": 1},
}
REMOVING = [name for name, traits in METHODS.items() if traits.makes_smaller]


def ends(folder: Path) -> list[StateEnd]:
    record = read_record(folder)
    assert record is not None
    return record.states


@pytest.mark.parametrize("method", REMOVING)
def test_every_method_that_removes_is_repaired_and_says_what_that_did(tmp_path: Path, method: str) -> None:
    assert run(open_trial(tmp_path, prune={"method": method, "compensate": "least_squares"}))["status"] == "finished"
    first, *removed = ends(tmp_path)
    assert (first.repair, first.removal) == (None, None)
    told = [end for end in removed if end.removal]
    assert told
    for end in told:
        assert end.removal is not None
        assert end.repair is not None
        assert {"val_accuracy_before", "val_accuracy_after", "val_accuracy_repaired"} <= end.removal.keys()
        assert {name.rpartition(".")[2] for name in end.repair} <= {"proj", "fc2"}
        errors = [(one["error_removed"], one["error_repaired"]) for one in end.repair.values()]
        assert all(before is not None and after is not None and after >= 0 for before, after in errors)


def test_accuracy_after_removal_is_that_of_the_trial_without_repair(tmp_path: Path) -> None:
    """Up to its first event the trial is the same; `val_accuracy_after` is what plain removal leaves."""
    run(open_trial(tmp_path / "plain"))
    run(open_trial(tmp_path / "repaired", **LEAST_SQUARES))
    plain, repaired = (ends(tmp_path / name)[1].removal for name in ("plain", "repaired"))
    assert plain is not None
    assert repaired is not None
    assert plain["val_accuracy_before"] == repaired["val_accuracy_before"]
    assert plain["val_accuracy_after"] == pytest.approx(repaired["val_accuracy_after"], abs=0.06)  # of 19 images one
    assert "val_accuracy_repaired" not in plain


@pytest.mark.slow
@pytest.mark.parametrize("method", ["refill", "rsst"])
@pytest.mark.parametrize("how", ["mean", "least_squares"])
def test_a_trial_killed_at_any_epoch_ends_with_the_same_numbers(tmp_path: Path, method: str, how: str) -> None:
    changes: dict[str, Any] = {"prune": {"method": method, "compensate": how}}
    for folder in killed_after_each(tmp_path, 5, **changes):
        assert numbers(folder) == numbers(tmp_path / "straight"), folder.name


def test_of_a_convolutional_network_statistics_follow_and_channels_are_repaired(tmp_path: Path) -> None:
    changes = {**CHANNELS, "prune": {"target": "channel", "compensate": "least_squares", "schedule": {"states": 1}}}
    assert run(open_trial(tmp_path, **changes))["status"] == "finished"
    end = ends(tmp_path)[1]
    assert end.repair is not None
    assert {name.rpartition(".")[2] for name in end.repair} == {"conv2"}
    written = load_file(tmp_path / "states" / "01.safetensors")
    assert all(value.isfinite().all() for value in written.values() if value.is_floating_point())


def test_a_repair_that_finds_too_few_images_names_the_key(tmp_path: Path) -> None:
    trial = open_trial(tmp_path, prune={"compensate": "mean", "calibration_images": 3})
    with pytest.raises(UserError, match=r"prune\.compensate.*found 3 images.*prune\.calibration_images"):
        run(trial)


def test_calibration_images_are_decoded_once_an_event_for_criterion_and_repair(tmp_path: Path, monkeypatch) -> None:
    asked = []
    decode = InMemoryData.calibration_batches
    monkeypatch.setattr(InMemoryData, "calibration_batches", lambda *a, **k: asked.append(1) or decode(*a, **k))
    run(open_trial(tmp_path, prune={"criterion": "taylor", "compensate": "least_squares"}))
    assert len(asked) == 2, "of two events"


@pytest.mark.slow
def test_repair_helps_where_many_units_go_at_once(tmp_path: Path) -> None:
    torch.manual_seed(0)
    schedule = {"kind": "one_shot", "states": 1, "head_ratio": 0.5, "neuron_ratio": 0.9}
    changes: dict[str, Any] = {
        "data": {"train_limit": 600, "val_fraction": 0.2},
        "train": {"epochs_per_state": 1, "state0": {"epochs": 12}},
        "prune": {"schedule": schedule, "compensate": "least_squares", "calibration_images": 128},
    }
    run(open_trial(tmp_path, **changes))
    removal = ends(tmp_path)[1].removal
    assert removal is not None
    before, after, repaired = (removal[f"val_accuracy_{what}"] for what in ("before", "after", "repaired"))
    assert before - repaired < 0.7 * (before - after)
