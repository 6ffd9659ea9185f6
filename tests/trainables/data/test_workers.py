"""Loader processes: they change no number, stay from pass to pass, and are gone when the trial is left."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from models.errors import UserError
from tests.trainables.data.made_data import write_images
from tests.trainables.small_trials import open_trial
from trainables.config.augment import AugmentConfig
from trainables.config.trial import DataConfig
from trainables.data import Batch, Data, load_data
from trainables.trial import Trial
from trainables.tune_trainable import TuneTrainable

CPU = torch.device("cpu")
AUGMENT = {"random_resized_crop": 0.3, "flip": True, "rand_augment": "rand-m9-mstd0.5-inc1", "crop_padding": 2}
OWN = AugmentConfig(flip=True)
"""What another state does to the images."""
TRIAL: dict[str, Any] = {"train": {"epochs_per_state": 1, "batch_size": 8}, "prune": {"schedule": {"states": 1}}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_images(tmp_path / "train", ["a", "b", "c"], 10)
    return tmp_path


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    yield
    assert multiprocessing.active_children() == []


def load(folder: Path, workers: int) -> Data:
    config = {"name": "image_folder", "root": folder, "image_size": 16, "val_fraction": 0.2, "augment": AUGMENT}
    return load_data(DataConfig.model_validate({**config, "workers": workers}), CPU)


def processes() -> set[int | None]:
    return {process.pid for process in multiprocessing.active_children()}


def same(left: list[Batch], right: list[Batch]) -> bool:
    return all(torch.equal(a, c) and torch.equal(b, d) for (a, b), (c, d) in zip(left, right, strict=True))


def passes(data: Data) -> list[list[Batch]]:
    """What a trial asks for: epochs with other seeds and other augmentation, evaluations amid them, one left half done."""
    found = [list(data.train_batches(4, 1)), list(data.eval_batches("val", 4)), list(data.train_batches(4, 2, OWN))]
    found.append(list(itertools.islice(data.train_batches(4, 3), 2)))
    amid = []
    for number, batch in enumerate(data.train_batches(4, 4)):
        amid.append(batch)
        if number == 1:
            found.append(list(data.eval_batches("test", 4)))
    return [*found, amid, data.calibration_batches(4, images=9), list(data.train_batches(4, 1))]


def test_neither_their_number_nor_what_they_did_before_changes_a_number(folder: Path) -> None:
    alone = passes(load(folder, 0))
    assert same(alone[0], alone[-1])
    for workers in (1, 2):
        data = load(folder, workers)
        assert all(same(ours, theirs) for ours, theirs in zip(passes(data), alone, strict=True))
        data.close()


def test_they_stay_from_pass_to_pass_until_they_are_let_go(folder: Path) -> None:
    data = load(folder, 2)
    assert not processes(), "none is started before it is needed"
    list(data.train_batches(4, 1))
    first = processes()
    assert len(first) == 2
    list(data.eval_batches("val", 4))
    next(data.train_batches(4, 2))
    list(data.train_batches(4, 3))
    assert processes() == first
    data.close()
    assert not processes()
    list(data.eval_batches("val", 4))
    assert len(processes()) == 2
    data.close()


def test_who_lets_go_of_the_data_lets_go_of_them(folder: Path) -> None:
    data = load(folder, 1)
    list(data.train_batches(4, 1))
    assert processes()
    del data
    assert not processes()


def test_one_that_is_killed_is_an_error_and_the_next_pass_has_new_ones(folder: Path) -> None:
    data = load(folder, 1)
    expected = list(data.train_batches(4, 1))
    (killed,) = processes()
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    with pytest.raises(RuntimeError, match=r"worker .* (killed|exited unexpectedly)"):
        list(data.train_batches(4, 1))
    assert same(list(data.train_batches(4, 1)), expected)
    assert processes() != {killed}
    data.close()


def test_a_damaged_image_costs_no_more_than_its_pass(folder: Path) -> None:
    data = load(folder, 1)
    expected = list(data.eval_batches("test", 4))
    for path in (folder / "train" / "a").iterdir():
        path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(UserError, match=r"^data.root: .* is not a readable image"):
        list(data.train_batches(4, 1))
    write_images(folder / "again", ["a", "b", "c"], 10)
    for path in (folder / "train" / "a").iterdir():
        path.write_bytes((folder / "again" / "a" / path.name).read_bytes())
    assert same(list(data.eval_batches("test", 4)), expected)
    data.close()


def trial_of(folder: Path, images: Path, **changes: Any) -> Trial:
    data = {"name": "image_folder", "root": images, "image_size": 16, "workers": 1, "train_limit": None}
    return open_trial(folder, **{**TRIAL, "data": data, **changes})


def test_a_trial_that_ends_leaves_none(folder: Path, tmp_path: Path) -> None:
    trial = trial_of(tmp_path / "t", folder)
    trial.step()
    assert len(processes()) == 1
    trial.step()
    assert trial.status == "finished"
    assert not processes()


def test_a_trial_that_diverges_or_is_left_leaves_none(folder: Path, tmp_path: Path) -> None:
    diverging = trial_of(tmp_path / "diverges", folder, train={**TRIAL["train"], "diverged_loss": 1e-9})
    assert diverging.step()["status"] == "diverged"
    assert not processes()
    left = trial_of(tmp_path / "left", folder)
    left.step()
    assert processes()
    left.close()
    assert not processes()


def test_an_actors_next_trial_does_not_find_the_last_ones(folder: Path, tmp_path: Path) -> None:
    from tests.trainables.test_tune_trainable import asked
    from trainables.files.generation import next_generation

    run = tmp_path / "run"
    run.mkdir()
    next_generation(run)
    data = {"name": "image_folder", "root": str(folder), "image_size": 16, "workers": 1, "train_limit": None}
    trainable = TuneTrainable(asked(run, **TRIAL, data=data))
    trainable.step()
    first = processes()
    assert len(first) == 1
    trainable.reset_config(asked(run, "t-001", **TRIAL, data=data, seed=6))
    assert not processes()
    trainable.step()
    assert len(processes()) == 1
    trainable.cleanup()
    assert not processes()
