"""Convolution channels keep the same contract: ResNets and TwistNet, for real, on digits."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from models.save_load import load, load_parts
from models.units.compaction import slice_state
from tests.models.networks import BOTTLENECK
from tests.trainables.small_trials import open_trial, run
from tests.trainables.test_trial import numbers
from trainables.files.record import read_record

RESNET18 = {"layers": [1, 1, 1, 1], "channels": [16, 24, 32, 40]}
MODELS: dict[str, dict[str, Any]] = {"timm:resnet18": RESNET18, "timm:resnet50": BOTTLENECK, "twistnet18": {}}
CHANNELS: dict[str, Any] = {
    "model": {"arch": "timm:resnet18", "args": RESNET18},
    "data": {"image_size": 16, "train_limit": 64},
    "train": {"epochs_per_state": 2, "optimizer": "sgd", "lr": 0.02},
    "prune": {"target": "channel", "schedule": {"states": 2, "channel_ratio": 0.6}},
}


def of_method(folder: Path, method: str, **prune: Any) -> Any:
    return open_trial(folder, **{**CHANNELS, "prune": {**CHANNELS["prune"], "method": method, **prune}})


@pytest.mark.slow
@pytest.mark.usefixtures("narrow_twistnet")
@pytest.mark.parametrize("arch", MODELS)
def test_rsst_and_refill_remove_the_same_channels_physically(tmp_path: Path, arch: str) -> None:
    model = {"model": {"arch": arch, "args": MODELS[arch]}}
    first: dict[str, Any] = {}
    for method in ("refill", "rsst"):
        prune = {**CHANNELS["prune"], "method": method}
        result = run(open_trial(tmp_path / method, **{**CHANNELS, **model, "prune": prune}))
        assert result["status"] == "finished"
        record = read_record(tmp_path / method)
        assert record is not None
        total = record.header["units"]["channel"]
        assert [end.kept["channel"] for end in record.states] == [total, int(total * 0.4**0.5), int(total * 0.4)]
        assert record.states[2].macs < record.states[1].macs < record.states[0].macs
        network = load(tmp_path / method / "states/02.safetensors")
        assert sum(parameter.numel() for parameter in network.parameters()) == record.states[2].params
        first[method] = load_parts(tmp_path / method / "states/01.safetensors").structure
        for end in record.states[1:]:
            assert end.removal is not None
            assert (end.removal["magnitude_ratio"] > 50) == (method == "rsst")
            if method == "rsst":
                assert end.removal["val_accuracy_after"] == pytest.approx(end.removal["val_accuracy_before"], abs=0.05)
    assert first["refill"] == first["rsst"], "state 0 and the selection on it belong to the trial, not to the method"


@pytest.mark.slow
@pytest.mark.parametrize("method", ["refill", "rsst"])
@pytest.mark.parametrize("rewind", ["init", {"epoch": 1}])
def test_rewinding_brings_back_batch_norm_statistics_too(tmp_path: Path, method: str, rewind: Any) -> None:
    procedure = (trial := of_method(tmp_path, method, rewind=rewind)).procedure
    wanted = {name: tensor.clone() for name, tensor in procedure.initial.items()}
    trial.step()
    if rewind != "init":
        wanted = procedure.network.snapshot()
    trial.step()
    assert not torch.equal(procedure.network.model.bn1.running_mean, wanted["bn1.running_mean"])
    procedure.start_state()
    expected = slice_state(wanted, procedure.network.dense_groups, procedure.network.structure)
    found = procedure.network.model.state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


@pytest.mark.slow
def test_a_channel_trial_left_at_any_epoch_ends_with_the_same_numbers(tmp_path: Path) -> None:
    straight = tmp_path / "straight"
    trial = of_method(straight, "rsst", rewind={"epoch": 1}, rsst={"ramp": 0.3, "hold": 0.1})
    for epochs in range(1, 6):
        trial.step()
        # What is left behind now.
        shutil.copytree(straight, tmp_path / f"left{epochs}")
    run(trial)
    for left_after in (1, 3, 5):
        folder = tmp_path / f"left{left_after}"
        run(of_method(folder, "rsst", rewind={"epoch": 1}, rsst={"ramp": 0.3, "hold": 0.1}))
        assert numbers(folder) == numbers(straight)
        for state in range(3):
            ours, theirs = (load_file(at / f"states/0{state}.safetensors") for at in (folder, straight))
            assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
