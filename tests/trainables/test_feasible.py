"""What cannot work is said in one line when the trial is opened, before anything is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from models.errors import UserError
from models.save_load import load_parts, save
from tests.trainables.small_trials import open_trial, run
from trainables.files.record import read_record

RESNET = {"arch": "timm:resnet18"}
MIXED = {"train_limit": 8, "augment": {"mixup": 0.2}}

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "no batch": (r"data: 1 training image makes no batch", {"data": {"train_limit": 1}}),
    "nothing to mix": (r"train\.batch_size: found 1.*mixup", {"data": MIXED, "train": {"batch_size": 1}}),
    "batch norm of one": (
        r"train\.batch_size: found 1, but timm:resnet18 has BatchNorm",
        {"model": RESNET, "train": {"batch_size": 1}, "prune": {"target": "channel"}},
    ),
    "lambda too strong": (
        r"prune\.rsst\.lambda_max: .* lr\*lambda is",
        {"prune": {"method": "rsst", "rsst": {"lambda_max": 1e6}}},
    ),
    "shrink too strong": (r"prune\.rsst\.shrink: 1e-300", {"prune": {"method": "rsst", "rsst": {"shrink": 1e-300}}}),
    "target below the floors": (
        r"prune\.schedule\.macs_target: found 0\.01, but the smallest network .* has 0\.1\d+ of the dense MACs",
        {"prune": {"schedule": {"macs_target": 0.01}, "min_kept": 2}},
    ),
    "target without ratios": (
        r"macs_target: found 0\.5, but the smallest network .* has 1\.0000 of",
        {"prune": {"schedule": {"macs_target": 0.5, "head_ratio": 0, "neuron_ratio": 0}}},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_mistake_is_named_when_the_trial_is_opened(tmp_path: Path, name: str) -> None:
    message, changes = CASES[name]
    with pytest.raises(UserError, match=message) as raised:
        open_trial(tmp_path, **changes)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "record.jsonl").exists()


def test_blocks_that_stay_whole_are_in_the_record_and_warned_of(tmp_path: Path) -> None:
    trial = open_trial(
        tmp_path, model={"arch": "timm:resnetblur18"}, data={"image_size": 32}, prune={"target": "channel"}
    )
    record = read_record(tmp_path)
    assert record is not None
    (whole,) = record.header["dense"]["left_whole"]
    assert (whole["kind"], whole["block"], whole["count"]) == ("channel", "BasicBlock", 3)
    assert any(text.startswith("prune.target channel leaves blocks whole: 3 BasicBlock") for text in trial.warnings)
    assert list(trial.warnings) == record.header["warnings"]


def test_a_trial_that_removes_nothing_may_name_any_target(tmp_path: Path) -> None:
    trial = open_trial(tmp_path, prune={"method": "dense", "target": "channel"})
    assert trial.step()["removed_percent"] == 0.0


def test_a_target_just_above_the_smallest_network_is_met(tmp_path: Path) -> None:
    schedule = {"states": 1, "macs_target": 0.1}
    result = run(open_trial(tmp_path, train={"epochs_per_state": 1}, prune={"schedule": schedule}))
    assert result["states"][1]["macs"] <= 0.1 * result["states"][0]["macs"]


def test_a_scratch_source_that_does_not_fit_is_named(tmp_path: Path) -> None:
    run(open_trial(tmp_path / "source", train={"epochs_per_state": 1}))
    file = tmp_path / "source/states/02.safetensors"
    with pytest.raises(UserError, match=r"scratch\.file: .* of vit_micro, which does not fit vit_tiny"):
        open_trial(tmp_path / "a", model={"arch": "vit_tiny"}, prune=scratch(file, "epochs"))
    parts = load_parts(file)
    nameless = tmp_path / "nameless.safetensors"
    save(nameless, parts.state, parts.spec, parts.structure, {})
    for match, missing in (("epochs", "epochs"), ("macs", "training_macs")):
        with pytest.raises(UserError, match=f"does not say its {missing}"):
            open_trial(tmp_path / "b", prune=scratch(nameless, match))


def test_settings_without_effect_are_said(tmp_path: Path) -> None:
    masked = open_trial(tmp_path / "imp", prune={"method": "imp", "schedule": {"macs_target": 0.5}})
    assert any("macs_target: without effect" in line for line in masked.warnings)
    run(open_trial(tmp_path / "source", train={"epochs_per_state": 1}))
    prune = scratch(tmp_path / "source/states/02.safetensors", "epochs")
    alone = open_trial(tmp_path / "scratch", train={"distill": {"weight": 0.5}}, prune=prune)
    assert any("train.distill: without effect" in line for line in alone.warnings)
    assert not open_trial(tmp_path / "plain").warnings


def scratch(file: Path, match: str) -> dict[str, Any]:
    return {"method": "scratch", "scratch": {"file": str(file), "match": match}}
