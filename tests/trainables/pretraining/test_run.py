"""Pretraining: it learns, goes on after a kill with the same numbers, and its file says what it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor

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
from trainables.data.augmentation.mixing import make_mix
from trainables.files.checkpoint import load_checkpoint, save_checkpoint
from trainables.files.json_lines import complete_lines
from trainables.pretraining.listener import Listener
from trainables.pretraining.run import PretrainResult
from trainables.pretraining.run import pretrain as run
from trainables.pretraining.trained import new_network
from trainables.seeds import derive, seed_everything
from trainables.training.epoch import evaluate, train_epoch
from trainables.training.graphs import Graphs
from trainables.training.learning_rate import learning_rates
from trainables.training.optimizers import build_optimizer
from trainables.training.precision import loss_scaler
from trainables.training.step import Engine


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


def pretrain(config: PretrainConfig, folder: Path, listener: Listener | None = None) -> PretrainResult:
    result = run(config, folder, listener)
    assert result is not None
    return result


class Killed(Exception):
    pass


def killed_after(epoch: int) -> Listener:
    def stop(line: dict[str, Any]) -> None:
        if line["epoch"] == epoch:
            raise Killed

    return Listener(epoch=stop)


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
    monkeypatch.setattr("trainables.pretraining.trained.graphs_for", lambda recipes, device, precision: graphs)
    replayed = pretrain(small(tmp_path / "replayed", train=train), tmp_path / "replayed", Listener(tell=told.append))
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
    monkeypatch.setattr("trainables.pretraining.finish.repository_folder", lambda: tmp_path / "weights")
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


def leaving_after(steps: int) -> Listener:
    asked = iter(range(1, 10_000))
    return Listener(leaves=lambda: next(asked) >= steps)


def test_who_asks_it_to_leave_loses_no_step(tmp_path: Path) -> None:
    train = {"lr": 3e-3, "batch_size": 20}
    whole = pretrain(small(tmp_path / "whole", train=train), tmp_path / "whole")
    config = small(tmp_path / "parts", train=train)
    with pytest.raises(KeyboardInterrupt, match="epoch 1, after 3 of 5 steps"):
        pretrain(config, tmp_path / "parts", leaving_after(3))
    told: list[str] = []
    with pytest.raises(KeyboardInterrupt, match="epoch 2"):
        pretrain(config, tmp_path / "parts", Listener(tell=told.append, leaves=leaving_after(2).leaves))
    assert "goes on after 0 epochs and 3 steps" in told
    resumed = pretrain(config, tmp_path / "parts")
    assert resumed.history == whole.history
    one, other = read_weights_file(whole.path).state, read_weights_file(resumed.path).state
    assert all(torch.equal(one[name], other[name]) for name in one | other)


def test_the_folder_holds_the_log_the_best_and_the_finished_weights(tmp_path: Path) -> None:
    config = small(tmp_path / "made", epochs=4, train={"lr": 0.02, "batch_size": 50}, finish_with="best")
    result = pretrain(config, tmp_path)
    lines = complete_lines(tmp_path / "log.jsonl")
    assert [{key: line[key] for key in history} for line, history in zip(lines, result.history, strict=True)] == list(
        result.history
    )
    assert all(line["images_per_second"] > 0 and line["processes"] == 1 for line in lines)
    accuracies = [line["val_accuracy"] for line in lines]
    best = read_weights_file(tmp_path / "best.safetensors")
    assert best.provenance is not None
    assert best.provenance.extra["pretrain"]["epoch"] == accuracies.index(max(accuracies)) + 1
    assert result.val_accuracy == max(accuracies) == best.provenance.extra["pretrain"]["val_accuracy"]
    finished, there = read_weights_file(tmp_path / "finished.safetensors").state, read_weights_file(result.path).state
    assert all(torch.equal(finished[name], there[name]) for name in best.state)
    assert all(torch.equal(finished[name], best.state[name]) for name in best.state)
    assert not list(tmp_path.rglob("*.pt"))
    assert not list(tmp_path.rglob("*.pkl"))
    assert list(tmp_path.glob("events.out.tfevents*"))


def test_what_a_kill_left_undone_is_done_when_it_goes_on(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        pretrain(small(tmp_path, epochs=3), tmp_path, killed_after(1))
    (tmp_path / "log.jsonl").unlink()
    (tmp_path / "best.safetensors").unlink()
    pretrain(small(tmp_path, epochs=3), tmp_path)
    assert [line["epoch"] for line in complete_lines(tmp_path / "log.jsonl")] == [1, 2, 3]
    assert (tmp_path / "best.safetensors").exists()


def test_a_run_of_an_earlier_version_goes_on(tmp_path: Path) -> None:
    """Its checkpoint knows neither the keys that came later nor times, and there is no log."""
    whole = pretrain(small(tmp_path / "whole"), tmp_path / "whole")
    with pytest.raises(Killed):
        pretrain(small(tmp_path), tmp_path, killed_after(1))
    checkpoint = load_checkpoint(tmp_path).checkpoint
    assert checkpoint is not None
    del checkpoint.meta["times"]
    for key in (
        "scale_lr",
        "lr_batch_size",
        "sync_batch_norm",
        "ema_decay",
        "finish_with",
        "checkpoint_every",
        "expected",
    ):
        del checkpoint.meta["config"][key]
    for line in checkpoint.meta["history"]:
        del line["val_top5"]
    save_checkpoint(tmp_path, checkpoint)
    for name in ("log.jsonl", "best.safetensors"):
        (tmp_path / name).unlink()
    result = pretrain(small(tmp_path), tmp_path)
    assert result.history[1] == whole.history[1]
    assert ["seconds" in line for line in complete_lines(tmp_path / "log.jsonl")] == [False, True]


def test_where_files_lie_and_how_often_it_is_checkpointed_may_change(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        pretrain(small(tmp_path), tmp_path, killed_after(1))
    assert pretrain(small(tmp_path / "elsewhere", checkpoint_every=1), tmp_path).path.parent == tmp_path / "elsewhere"
    with pytest.raises(UserError, match="ema_decay was None, is now"):
        pretrain(small(tmp_path, ema_decay=0.9), tmp_path)


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


def test_an_average_goes_on(tmp_path: Path) -> None:
    whole = pretrain(small(tmp_path / "whole", ema_decay=0.9), tmp_path / "whole")
    with pytest.raises(Killed):
        pretrain(small(tmp_path, ema_decay=0.9), tmp_path, killed_after(1))
    assert pretrain(small(tmp_path, ema_decay=0.9), tmp_path).history == whole.history


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


def test_what_is_expected_is_told_as_a_prediction(tmp_path: Path) -> None:
    expected = {"accuracy": [0.2, 0.9], "says": "nobody, of digits"}
    provenance = read_weights_file(pretrain(small(tmp_path, epochs=1, expected=expected), tmp_path).path).provenance
    assert provenance is not None
    assert provenance.extra["pretrain"]["expected"] == {"prediction": True, **expected}
    with pytest.raises(ValidationError, match="the lower first"):
        small(tmp_path, expected={**expected, "accuracy": [0.9, 0.2]})


def test_the_board_shows_each_epoch_once(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        pretrain(small(tmp_path, epochs=3), tmp_path, killed_after(2))
    result = pretrain(small(tmp_path, epochs=3), tmp_path)
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    shown = events.Scalars("accuracy/val")
    assert [one.step for one in shown] == [1, 2, 3]
    assert [one.value for one in shown] == pytest.approx([line["val_accuracy"] for line in result.history])
    assert not [tag for tag in events.Tags()["scalars"] if "test" in tag]


@pytest.mark.slow
def test_twistnet_tells_what_is_inside(tmp_path: Path) -> None:
    data = {"name": "digits", "image_size": 32, "train_limit": 20}
    config = small(tmp_path, model={"arch": "twistnet18"}, data=data, train={"lr": 0.01, "batch_size": 20}, epochs=2)
    lines = pretrain(config, tmp_path).history
    assert [line["inside"].keys() for line in lines] == [{"layer3.0", "layer3.1", "layer4.0", "layer4.1"}] * 2
    assert all(len(one["gate"]) == len(one["products"]) == 4 for line in lines for one in line["inside"].values())
    shown = EventAccumulator(str(tmp_path))
    shown.Reload()
    assert [event.step for event in shown.Scalars("inside/strength/layer3.0")] == [1, 2]
    assert [event.step for event in shown.Images("inside/products/layer4.1")] == [1, 2]


def test_a_finished_pretraining_registers_itself_in_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRUNETUNE_STORE", str(tmp_path / "store"))
    told: list[str] = []
    finished = pretrain(small(tmp_path), tmp_path, Listener(tell=told.append))
    (stored,) = (tmp_path / "store").iterdir()
    assert stored.read_bytes() == finished.path.read_bytes()
    assert told[-1] == f"registered in the store, where source: pretrained finds it: {stored}"
