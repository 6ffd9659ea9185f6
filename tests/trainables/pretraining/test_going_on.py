"""A pretraining that is killed or asked to leave goes on with the same numbers, one of an earlier version too."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from models.errors import UserError
from models.weights.weights_file import read_weights_file
from tests.trainables.pretraining.cases import Killed, killed_after, leaving_after, pretrain, small
from trainables.files.checkpoint import load_checkpoint, save_checkpoint
from trainables.files.json_lines import complete_lines
from trainables.pretraining.listener import Listener


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


def test_another_request_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    config = small(tmp_path, epochs=1)
    pretrain(config, tmp_path)
    with pytest.raises(UserError, match=r"another pretraining: config\.seed was 0, is now 1"):
        pretrain(small(tmp_path, epochs=1, seed=1), tmp_path)


def test_who_asks_it_to_leave_loses_no_step(tmp_path: Path) -> None:
    train = {"lr": 3e-3, "batch_size": 20}
    whole = pretrain(small(tmp_path / "whole", train=train), tmp_path / "whole")
    config = small(tmp_path / "parts", train=train)
    with pytest.raises(KeyboardInterrupt, match="epoch 1, after 3 of 5 steps"):
        pretrain(config, tmp_path / "parts", leaving_after(3))
    told: list[str] = []
    with pytest.raises(KeyboardInterrupt, match="epoch 2"):
        pretrain(config, tmp_path / "parts", replace(leaving_after(2), tell=told.append))
    assert "goes on after 0 epochs and 3 steps" in told
    resumed = pretrain(config, tmp_path / "parts")
    assert resumed.history == whole.history
    one, other = read_weights_file(whole.path).state, read_weights_file(resumed.path).state
    assert all(torch.equal(one[name], other[name]) for name in one | other)


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


def test_an_average_goes_on(tmp_path: Path) -> None:
    whole = pretrain(small(tmp_path / "whole", ema_decay=0.9), tmp_path / "whole")
    with pytest.raises(Killed):
        pretrain(small(tmp_path, ema_decay=0.9), tmp_path, killed_after(1))
    assert pretrain(small(tmp_path, ema_decay=0.9), tmp_path).history == whole.history


def test_who_finds_another_at_work_is_told_which_process_it_is(tmp_path: Path) -> None:
    refused: list[str] = []

    def second(line: dict[str, Any]) -> None:
        with pytest.raises(UserError) as caught:
            pretrain(small(tmp_path), tmp_path)
        refused.append(str(caught.value))

    pretrain(small(tmp_path), tmp_path, Listener(epoch=second))
    assert f"another pretraining is at work there (process {os.getpid()} on " in refused[0]


@pytest.mark.parametrize(
    ("values", "told"),
    [({}, "data.augment.mixup and cutmix mix two images"), ({"model": {"arch": "timm:resnet10t"}}, "has BatchNorm")],
)
def test_batches_of_one_image_that_do_not_do_are_one_line(values: dict[str, Any], told: str, tmp_path: Path) -> None:
    augment = {"augment": {}} if values else {"augment": {"mixup": 0.2}}
    data = {"name": "digits", "train_limit": 30, **({"image_size": 32} if values else {}), **augment}
    with pytest.raises(UserError, match=f"train.batch_size: found 1, but .*{told}"):
        pretrain(small(tmp_path, **values, data=data, train={"batch_size": 1}), tmp_path)
