"""A pretraining in several real processes is that of one process, killed or not."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

from models.weights.weights_file import read_weights_file
from tests.trainables.data.made_data import write_images
from tests.trainables.pretraining.cases import small
from tests.trainables.pretraining.several import log_of, run_in
from trainables.pretraining.listener import Listener
from trainables.pretraining.run import pretrain as run

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("own_data_folder")]

MIXED = {
    # 103 images in batches of 20: the last has three, too few for two processes or three to divide.
    "data": {"name": "digits", "train_limit": 103, "augment": {"crop_padding": 1, "mixup": 0.4, "cutmix": 1.0}},
    "train": {"lr": 0.05, "optimizer": "sgd", "batch_size": 20},
    "epochs": 3,
}
BATCH_NORM = {
    "model": {"arch": "timm:resnet10t"},
    "data": {"name": "digits", "image_size": 16, "train_limit": 94, "augment": {"crop_padding": 1, "mixup": 0.4}},
    "train": {"lr": 0.05, "optimizer": "sgd", "batch_size": 20},
    "epochs": 2,
}
DROPPED = {
    "model": {"arch": "vit_micro", "args": {"drop_rate": 0.1}},
    "data": {"name": "digits", "train_limit": 100, "augment": {"mixup": 0.2}},
    "train": {"lr": 3e-3, "batch_size": 20},
    "epochs": 2,
}


def weights(folder: Path) -> dict[str, Tensor]:
    return read_weights_file(folder / "finished.safetensors").state


def far(one: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    """The largest difference of two weights."""
    assert one.keys() == other.keys()
    return max(float((one[name].double() - other[name].double()).abs().max()) for name in one)


def figures(folder: Path) -> list[dict[str, Any]]:
    timed = {"seconds", "evaluation_seconds", "images_per_second", "processes"}
    return [{key: value for key, value in line.items() if key not in timed} for line in log_of(folder)]


def finished(processes: int, folder: Path, values: dict[str, Any]) -> Path:
    ended = run_in(processes, small(folder, **values), folder)
    assert ended.statuses == [0] * processes, ended.errors
    return folder


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Any:
    @cache
    def of(name: str) -> Path:
        return finished(1, tmp_path_factory.mktemp(name), {"MIXED": MIXED, "BATCH_NORM": BATCH_NORM}[name])

    return of


@pytest.mark.parametrize("processes", [2, 3])
def test_without_batch_norm_they_are_one_process_to_float_error(processes: int, one: Any, tmp_path: Path) -> None:
    several = finished(processes, tmp_path, MIXED)
    assert far(weights(one("MIXED")), weights(several)) < 2e-7
    for alone, shared in zip(figures(one("MIXED")), figures(several), strict=True):
        assert shared == pytest.approx(alone, rel=1e-6)
        assert shared["train_accuracy"] == alone["train_accuracy"], "every image counts once"
        assert (shared["val_accuracy"], shared["val_top5"]) == (alone["val_accuracy"], alone["val_top5"])
    assert [line["processes"] for line in log_of(several)] == [processes] * 3


def test_with_batch_norm_over_all_images_too(one: Any, tmp_path: Path) -> None:
    several = finished(2, tmp_path, {**BATCH_NORM, "sync_batch_norm": True})
    assert far(weights(one("BATCH_NORM")), weights(several)) < 1e-4
    for alone, shared in zip(figures(one("BATCH_NORM")), figures(several), strict=True):
        assert shared == pytest.approx(alone, rel=1e-4)


def test_a_last_batch_that_all_take_whole_counts_once_in_the_running_statistics(tmp_path: Path) -> None:
    values = {
        **BATCH_NORM,
        "epochs": 1,
        "data": {"name": "digits", "image_size": 16, "train_limit": 43},
        "sync_batch_norm": True,
    }
    alone, several = finished(1, tmp_path / "one", values), finished(2, tmp_path / "two", values)
    one, other = weights(alone), weights(several)
    for name in one:
        if name.endswith(("running_mean", "running_var")):
            assert other[name].numpy() == pytest.approx(one[name].numpy(), rel=1e-4, abs=1e-5), name


def test_with_batch_norm_of_each_ones_own_images_they_differ(one: Any, tmp_path: Path) -> None:
    several = finished(2, tmp_path, BATCH_NORM)
    assert far(weights(one("BATCH_NORM")), weights(several)) > 1e-3


@pytest.mark.parametrize("then", [1, 2, 3])
def test_one_that_is_killed_ends_all_and_the_same_command_goes_on(then: int, one: Any, tmp_path: Path) -> None:
    config = small(tmp_path, **MIXED)
    # Six steps an epoch: in the third one.
    ended = run_in(2, config, tmp_path, killed={1: 14})
    assert ended.statuses[1] == -9
    assert ended.statuses[0] == 1
    assert "another process of this pretraining is gone" in ended.errors[0]
    assert len(log_of(tmp_path)) == 2
    finished(then, tmp_path, MIXED)
    assert far(weights(one("MIXED")), weights(tmp_path)) < 2e-7
    assert [line["processes"] for line in log_of(tmp_path)] == [2, 2, then]


def test_killed_and_left_within_an_epoch_they_come_to_the_same_bits(tmp_path: Path) -> None:
    """Dropout included, of which each process draws its own."""
    whole = finished(2, tmp_path / "whole", DROPPED)
    parts = tmp_path / "parts"
    config = small(parts, **DROPPED, checkpoint_every=2)
    # Of five steps an epoch: killed after the checkpoint of the second, then asked to leave after one more.
    assert run_in(2, config, parts, killed={0: 4}).statuses[0] == -9
    left = run_in(2, config, parts, leaves={1: 1})
    assert all("the same command goes on with epoch 1, after" in told for told in left.errors), left.errors
    finished(2, parts, {**DROPPED, "checkpoint_every": 2})
    assert figures(parts) == figures(whole)
    assert far(weights(parts), weights(whole)) == 0


def test_a_moving_average_is_alike_in_all(tmp_path: Path) -> None:
    alone = finished(1, tmp_path / "one", {**MIXED, "ema_decay": 0.8, "finish_with": "best"})
    several = finished(2, tmp_path / "two", {**MIXED, "ema_decay": 0.8, "finish_with": "best"})
    assert far(weights(alone), weights(several)) < 2e-7
    assert all("val_accuracy_unaveraged" in line for line in figures(several))


def test_a_mistake_is_told_by_the_first_alone(tmp_path: Path) -> None:
    ended = run_in(2, small(tmp_path, **{**MIXED, "train": {"batch_size": 3}}), tmp_path)
    assert ended.statuses == [1, 1]
    assert "train.batch_size: found 3, the total over 2 processes; expected at least 4" in ended.errors[0]
    assert "expected at least 4" not in ended.errors[1].rpartition("EndedElsewhere")[2]
    assert "EndedElsewhere: another process of this pretraining has failed, and says why" in ended.errors[1]


@pytest.mark.parametrize("place", ["save", "PretrainingBoard", "write_log"])
def test_what_the_first_cannot_write_ends_all_with_the_first_saying_why(place: str, tmp_path: Path) -> None:
    """Within an epoch, as the folder is opened, and where a kill has left something undone."""
    if place == "write_log":
        finished(2, tmp_path, {**DROPPED, "epochs": 1})
    fails = f"""
from models.errors import UserError
from trainables.pretraining import run

def fails(*given):
    raise UserError("no room")

run.{place} = fails
"""
    epochs = 1 if place == "write_log" else 2
    config = small(tmp_path, **{**DROPPED, "epochs": epochs}, checkpoint_every=2)
    ended = run_in(2, config, tmp_path, before=fails)
    assert ended.statuses == [1, 1]
    assert "no room" in ended.errors[0]
    assert "EndedElsewhere: another process of this pretraining has failed, and says why" in ended.errors[1]


def test_two_processes_with_one_rank_less_of_images_to_evaluate(tmp_path: Path) -> None:
    """One image of validation for two processes: one of them has none."""
    values = {**MIXED, "epochs": 1, "data": {"name": "digits", "train_limit": 40, "val_fraction": 0.007}}
    alone, several = finished(1, tmp_path / "one", values), finished(2, tmp_path / "two", values)
    assert figures(several)[0] == pytest.approx(figures(alone)[0], rel=1e-6)


def test_unreadable_images_end_it_before_it_begins(tmp_path: Path) -> None:
    for part in ("train", "val"):
        write_images(tmp_path / "data" / part, ["a", "b"], 6)
    (tmp_path / "data" / "val" / "b" / "b_000.png").write_bytes(b"")
    data = {"name": "image_folder", "root": str(tmp_path / "data"), "image_size": 16, "workers": 0}
    ended = run_in(2, small(tmp_path, data=data, model={"arch": "timm:resnet10t"}), tmp_path / "run")
    assert ended.statuses == [1, 1]
    assert "1 of 24 images cannot be read (val/b/b_000.png: " in ended.errors[0]
    assert "cannot be read" not in ended.errors[1]
    assert not list((tmp_path / "run").rglob("*.safetensors"))


SLOWLY = """
from datetime import timedelta
from torch import distributed
from trainables.data import readable
import time

begin, decode = distributed.init_process_group, readable.decode
distributed.init_process_group = lambda backend: begin(backend, timeout=timedelta(seconds=4))
readable.decode = lambda path: time.sleep(0.3) or decode(path)
"""


@pytest.mark.parametrize("then", ["skip", "error"])
def test_images_may_be_looked_at_for_longer_than_torch_waits(then: str, tmp_path: Path) -> None:
    for part in ("train", "val"):
        write_images(tmp_path / "data" / part, ["a", "b"], 6)
    if then == "skip":
        (tmp_path / "data" / "val" / "b" / "b_000.png").write_bytes(b"")
    data = {
        "name": "image_folder",
        "root": str(tmp_path / "data"),
        "image_size": 16,
        "workers": 0,
        "on_bad_image": then,
    }
    config = small(tmp_path, data=data, model={"arch": "timm:resnet10t"}, epochs=1)
    ended = run_in(2, config, tmp_path / "run", before=SLOWLY)
    assert ended.statuses == [0, 0], ended.errors
    assert len(log_of(tmp_path / "run")) == 1


def test_asked_while_one_looks_at_images_all_leave(tmp_path: Path) -> None:
    for part in ("train", "val"):
        write_images(tmp_path / "data" / part, ["a", "b"], 60)
    data = {"name": "image_folder", "root": str(tmp_path / "data"), "image_size": 16, "workers": 0}
    config = small(tmp_path, data=data, model={"arch": "timm:resnet10t"})
    # Looking takes 72 s, and the second process, which only waits, is the one that is asked.
    ended = run_in(2, config, tmp_path / "run", leaves={1: 0}, before=SLOWLY)
    assert all("KeyboardInterrupt: the same command begins where this one did" in told for told in ended.errors)


def test_what_is_inside_is_told_of_all_images(tmp_path: Path) -> None:
    values = {
        "model": {"arch": "twistnet18"},
        "data": {"name": "digits", "image_size": 32, "train_limit": 20, "val_fraction": 0.02},
        "train": {"lr": 1e-6, "optimizer": "sgd", "batch_size": 20},
        "epochs": 1,
    }
    told = [finished(count, tmp_path / str(count), {**values, "sync_batch_norm": True}) for count in (1, 2)]
    alone, several = ({name: one["gate"] for name, one in log_of(folder)[0]["inside"].items()} for folder in told)
    assert alone.keys() == several.keys() == {"layer3.0", "layer3.1", "layer4.0", "layer4.1"}
    for name, gates in alone.items():
        assert several[name] == pytest.approx(gates, rel=2e-3)


def test_who_goes_on_in_another_number_is_told_what_batch_norm_then_sees(tmp_path: Path) -> None:
    values = {**BATCH_NORM, "epochs": 3}
    left = run_in(2, small(tmp_path, **values), tmp_path, leaves={0: 6})
    assert left.statuses != [0, 0]
    told: list[str] = []
    assert run(small(tmp_path, **values), tmp_path, Listener(tell=told.append)) is not None
    (line,) = [
        line for line in told if line.startswith("warning: BatchNorm normalises about 20 images at a time from here")
    ]
    assert "10 in the epoch before, which ran in 2 processes" in line
    assert any(one.startswith("goes on after 1 epoch") for one in told)
