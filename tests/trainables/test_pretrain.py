"""Pretraining: it learns, goes on after a kill with the same numbers, and its file says what it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from models.errors import UserError, WorkFailed
from models.networks.registry import build, resolve_spec
from models.weights import repository
from models.weights.initial_weights import InitRequest, initial_weights
from models.weights.proof.verify import verify_file
from models.weights.weights_file import read_weights_file
from tests.trainables.recorded_capture import RecordedCapture
from trainables.config.pretrain import PretrainConfig
from trainables.config.train import TrainConfig
from trainables.data import load_data
from trainables.files.checkpoint import load_checkpoint, save_checkpoint
from trainables.pretrain import pretrain
from trainables.training.epoch import evaluate
from trainables.training.graphs import Graphs


def small(folder: Path, **values: Any) -> PretrainConfig:
    content = {
        "name": "small",
        "model": {"arch": "vit_micro"},
        "data": {"name": "digits", "train_limit": 100, "augment": {"crop_padding": 1, "mixup": 0.2}},
        "train": {"lr": 3e-3, "batch_size": 50},
        "epochs": 2,
        "output": folder / "small.safetensors",
    }
    return PretrainConfig.model_validate({**content, **values})


class Killed(Exception):
    pass


def killed_after(epoch: int) -> Any:
    def stop(line: dict[str, Any]) -> None:
        if line["epoch"] == epoch:
            raise Killed

    return stop


def test_a_killed_pretraining_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    whole = pretrain(small(tmp_path / "whole"), tmp_path / "whole")
    config = small(tmp_path / "parts")
    with pytest.raises(Killed):
        pretrain(config, tmp_path / "parts", killed_after(1))
    assert not config.output.exists()
    torch.rand(7)
    resumed = pretrain(small(tmp_path / "parts"), tmp_path / "parts")
    assert resumed.history == whole.history
    one, other = read_weights_file(whole.path).state, read_weights_file(resumed.path).state
    assert all(torch.equal(one[name], other[name]) for name in one | other)
    again = pretrain(config, tmp_path / "parts")
    assert again.test_accuracy == whole.test_accuracy


def test_a_pretraining_from_before_a_key_was_there_goes_on(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        pretrain(small(tmp_path), tmp_path, killed_after(1))
    checkpoint = load_checkpoint(tmp_path).checkpoint
    assert checkpoint is not None
    del checkpoint.meta["config"]["train"]["graph"]
    save_checkpoint(tmp_path, checkpoint)
    assert [line["epoch"] for line in pretrain(small(tmp_path), tmp_path).history] == [1, 2]


def test_steps_may_be_recorded_and_replayed_which_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train = {"lr": 3e-3, "batch_size": 10}
    plain = pretrain(small(tmp_path / "plain", train=train), tmp_path / "plain")
    capture, told = RecordedCapture(), list[str]()
    graphs = Graphs("float32", must=True, new_capture=lambda: capture)
    monkeypatch.setattr("trainables.pretrain.graphs_for", lambda recipes, device, precision: graphs)
    replayed = pretrain(small(tmp_path / "replayed", train=train), tmp_path / "replayed", tell=told.append)
    assert (capture.recorded, capture.replays) == (1, 16), "of twenty steps, four before"
    assert [line.partition(":")[0] for line in told if "captured" in line] == ["captured"]
    found, expected = ([line["val_loss"] for line in one.history] for one in (replayed, plain))
    assert found == pytest.approx(expected, rel=1e-3)


@pytest.mark.slow
def test_a_killed_pretraining_goes_on_with_its_loss_scaler(tmp_path: Path) -> None:
    train = {"lr": 3e-3, "batch_size": 50, "precision": "float16"}
    pretrain(small(tmp_path / "whole", train=train), tmp_path / "whole")
    with pytest.raises(Killed):
        pretrain(small(tmp_path / "parts", train=train), tmp_path / "parts", killed_after(1))
    pretrain(small(tmp_path / "parts", train=train), tmp_path / "parts")
    whole, parts = (load_checkpoint(tmp_path / name).checkpoint for name in ("whole", "parts"))
    assert whole is not None
    assert parts is not None
    assert whole.meta["scaler"]["_growth_tracker"] == 4, "two epochs of two steps"
    assert parts.meta["scaler"] == whole.meta["scaler"]


def test_the_last_accuracies_are_those_of_the_weights_file(tmp_path: Path) -> None:
    config = small(tmp_path, train={"lr": 3e-3, "batch_size": 50, "precision": "bfloat16"})
    result = pretrain(config, tmp_path)
    model = build(resolve_spec("vit_micro", 10, 8, 1))
    model.load_state_dict(read_weights_file(result.path).state)
    data = load_data(config.data, torch.device("cpu"))
    found = evaluate(model, data.eval_batches("val", 256), "float32", torch.device("cpu"))
    rounded = evaluate(model, data.eval_batches("val", 256), "bfloat16", torch.device("cpu"))
    assert result.history[-1]["val_loss"] == found.loss != rounded.loss


def test_another_request_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    config = small(tmp_path, epochs=1)
    pretrain(config, tmp_path)
    with pytest.raises(UserError, match=r"another pretraining: config\.seed was 0, is now 1"):
        pretrain(small(tmp_path, epochs=1, seed=1), tmp_path)


def test_the_file_proves_itself_and_is_listed_where_the_repository_keeps_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository, "repository_folder", lambda: tmp_path / "weights")
    monkeypatch.setattr("trainables.pretrain.repository_folder", lambda: tmp_path / "weights")
    result = pretrain(small(tmp_path / "elsewhere", epochs=1), tmp_path / "run")
    assert repository.committed_digests() == {}
    assert verify_file(result.path).word == "proven"
    listed = pretrain(small(tmp_path / "weights", epochs=1), tmp_path / "other run")
    assert repository.committed_digests() == {"small.safetensors": listed.sha256}
    assert verify_file(listed.path).word == "proven"
    spec = resolve_spec("vit_micro", 10, 8, 1)
    weights = initial_weights(spec, InitRequest("pretrained", tag="weights:small.safetensors"), seed=0)
    assert weights.verdict == "proven"
    assert weights.provenance.mean is not None


def test_the_header_says_how_the_weights_were_made(tmp_path: Path) -> None:
    result = pretrain(small(tmp_path, epochs=1), tmp_path)
    provenance = read_weights_file(result.path).provenance
    assert provenance is not None
    assert provenance.origin == "pretrain:small"
    assert {record.how for record in provenance.tensors.values()} == {"trained"}
    made = provenance.extra["pretrain"]
    assert made["val_accuracy"] == result.val_accuracy
    assert made["data"]["name"] == "digits"
    assert len(made["data"]["digest"]) == 64
    assert made["config"]["train"]["lr"] == 3e-3
    assert str(tmp_path) not in str(made)


def test_divergence_is_one_line(tmp_path: Path) -> None:
    config = small(tmp_path, epochs=1, train={"lr": 1e6, "clip_grad_norm": None, "optimizer": "sgd"})
    with pytest.raises(WorkFailed, match=r"train\.lr: .* diverged"):
        pretrain(config, tmp_path)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"train": {"epochs_per_state": 3}}, "epochs_per_state"),
        ({"train": {"distill": {"weight": 0.5}}}, "distill"),
        ({"output": "weights/x.pth"}, "safetensors"),
        ({"name": "../elsewhere"}, "name"),
        ({"colour": 1}, "colour"),
    ],
)
def test_what_means_nothing_here_is_refused(values: dict[str, Any], named: str, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=named):
        small(tmp_path, **values)


def test_the_recipe_is_that_of_trials() -> None:
    assert PretrainConfig.model_fields["train"].annotation is TrainConfig


def test_a_finished_pretraining_registers_itself_in_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRUNETUNE_STORE", str(tmp_path / "store"))
    told: list[str] = []
    finished = pretrain(small(tmp_path), tmp_path, tell=told.append)
    (stored,) = (tmp_path / "store").iterdir()
    assert stored.read_bytes() == finished.path.read_bytes()
    assert told[-1] == f"registered in the store, where source: pretrained finds it: {stored}"
