"""A pretraining in one process: its numbers, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from models.errors import WorkFailed
from models.networks.registry import build, resolve_spec
from models.weights.weights_file import read_weights_file
from tests.trainables.pretraining.cases import leaving_after, pretrain, small
from tests.trainables.recorded_capture import RecordedCapture
from trainables.config.pretrain import PretrainConfig
from trainables.config.train import TrainConfig
from trainables.data import load_data
from trainables.data.augmentation.mixing import make_mix
from trainables.files.checkpoint import load_checkpoint
from trainables.pretraining.listener import Listener
from trainables.pretraining.trained import new_network
from trainables.seeds import derive, seed_everything
from trainables.training.epoch import evaluate, train_epoch
from trainables.training.graphs import Graphs
from trainables.training.learning_rate import learning_rates
from trainables.training.optimizers import build_optimizer
from trainables.training.precision import loss_scaler
from trainables.training.step import Engine


def test_steps_may_be_recorded_and_replayed_which_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train = {"lr": 3e-3, "batch_size": 10}
    plain = pretrain(small(tmp_path / "plain", train=train), tmp_path / "plain")
    capture, told = RecordedCapture(), list[str]()
    graphs = Graphs("float32", must=True, new_capture=lambda: capture)
    monkeypatch.setattr("trainables.pretraining.trained.graphs_for", lambda recipes, device, precision: graphs)
    replayed = pretrain(small(tmp_path / "replayed", train=train), tmp_path / "replayed", Listener(tell=told.append))
    assert (capture.recorded, capture.replays) == (1, 16), "of twenty steps, four before"
    assert [line.partition(":")[0] for line in told if "captured" in line] == ["captured"]
    found, expected = ([line["val_loss"] for line in one.history] for one in (replayed, plain))
    assert found == pytest.approx(expected, rel=1e-3)


def test_the_last_accuracies_are_those_of_the_weights_file(tmp_path: Path) -> None:
    config = small(tmp_path, train={"lr": 3e-3, "batch_size": 50, "precision": "bfloat16"})
    result = pretrain(config, tmp_path)
    model = build(resolve_spec("vit_micro", 10, 8, 1))
    model.load_state_dict(read_weights_file(result.path).state)
    data = load_data(config.data, torch.device("cpu"))
    found = evaluate(model, data.eval_batches("val", 256), "float32", torch.device("cpu"))
    rounded = evaluate(model, data.eval_batches("val", 256), "bfloat16", torch.device("cpu"))
    assert result.history[-1]["val_loss"] == found.loss != rounded.loss


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


def as_before(config: PretrainConfig) -> tuple[list[dict[str, Any]], dict[str, Tensor]]:
    """History and weights by the loop of the versions that knew one process alone."""
    cpu = torch.device("cpu")
    data = load_data(config.data, cpu)
    model = new_network(
        config, resolve_spec(config.model.arch, 10, data.info.image_size, 1, args=config.model.args), cpu
    )
    augment = config.data.augment
    engine = Engine(
        model,
        build_optimizer(model, config.train),
        loss_scaler("float32", cpu),
        config.train,
        "float32",
        cpu,
        mix=make_mix(augment.mixup, augment.cutmix, 10),
    )
    steps = data.steps_per_epoch(config.train.batch_size)
    rates = learning_rates(config.train.schedule, config.train.lr, config.epochs * steps)
    history = []
    for done in range(config.epochs):
        seed = derive(config.seed, "epoch", done)
        seed_everything(seed)
        result = train_epoch(engine, data.train_batches(config.train.batch_size, seed), rates, done * steps)
        val = evaluate(model, data.eval_batches("val", 256), "float32", cpu)
        history.append(
            {
                "epoch": done + 1,
                "train_loss": result.loss,
                "train_accuracy": result.accuracy,
                "val_loss": val.loss,
                "val_accuracy": val.accuracy,
                "lr": rates[(done + 1) * steps - 1],
            }
        )
    return history, dict(model.state_dict())


@pytest.mark.parametrize(
    "values",
    [
        {"model": {"arch": "vit_micro", "args": {"drop_rate": 0.1}}},
        {
            "model": {"arch": "timm:resnet10t"},
            "data": {"name": "digits", "train_limit": 103, "augment": {"crop_padding": 1, "flip": True}},
            "train": {"lr": 0.05, "optimizer": "sgd", "batch_size": 20, "label_smoothing": 0.1},
        },
    ],
)
def test_one_process_gives_the_bits_of_earlier_versions(values: dict[str, Any], tmp_path: Path) -> None:
    """With checkpoints within epochs too: they draw nothing."""
    plain, often = small(tmp_path / "plain", **values), small(tmp_path / "often", **values, checkpoint_every=1)
    history, weights = as_before(plain)
    for config in (plain, often):
        result = pretrain(config, config.output.parent)
        told = [{key: line[key] for key in then} for line, then in zip(result.history, history, strict=True)]
        assert told == history
        found = read_weights_file(result.path).state
        assert all(torch.equal(found[name], weights[name]) for name in found | weights)


def test_the_average_follows_the_weights_and_is_what_is_kept(tmp_path: Path) -> None:
    """By timm's formula: the first step's weights, then so much of what was and the rest of what is."""
    train = {"lr": 3e-3, "batch_size": 50}
    plain = pretrain(small(tmp_path / "plain", train=train), tmp_path / "plain")
    averaged = pretrain(small(tmp_path / "averaged", train=train, ema_decay=0.75), tmp_path / "averaged")
    for line, unaveraged in zip(averaged.history, plain.history, strict=True):
        assert line["val_loss_unaveraged"] == unaveraged["val_loss"]
        assert line["val_loss"] != unaveraged["val_loss"]
    state = read_weights_file(averaged.path).state
    engine_state: list[dict[str, Tensor]] = []
    config = small(tmp_path / "steps", train=train)
    for steps in range(1, 4):
        with pytest.raises(KeyboardInterrupt):
            pretrain(config, tmp_path / "steps", leaving_after(1))
        checkpoint = load_checkpoint(tmp_path / "steps").checkpoint
        assert checkpoint is not None
        engine_state.append(checkpoint.model)
        assert len(engine_state) == steps
    engine_state.append(read_weights_file(plain.path).state)
    for name, value in state.items():
        average = engine_state[0][name].double()
        for one in engine_state[1:]:
            average = 0.75 * average + 0.25 * one[name].double()
        assert torch.allclose(average, value.double(), atol=1e-6), name


def test_the_rate_grows_with_the_batch_where_that_is_asked_for(tmp_path: Path) -> None:
    told: list[str] = []
    config = small(tmp_path, epochs=1, scale_lr="linear", lr_batch_size=25, train={"lr": 1e-3, "batch_size": 50})
    assert config.peak_lr == 2e-3
    result = pretrain(config, tmp_path, Listener(tell=told.append))
    assert "learning rate 0.002 = 0.001 x 50 / 25 (scale_lr: linear)" in told
    rates = learning_rates(config.train.schedule, 2e-3, 2)
    assert result.history[0]["lr"] == rates[-1]
    provenance = read_weights_file(result.path).provenance
    assert provenance is not None
    assert provenance.extra["pretrain"]["peak_lr"] == 2e-3
