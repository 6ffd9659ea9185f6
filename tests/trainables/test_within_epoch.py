"""A trial that was killed within an epoch: from a checkpoint there it ends with an undisturbed one's numbers, bit for bit."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from pruning.catalogue import METHODS
from tests.trainables.data.made_data import write_images
from tests.trainables.recorded_capture import RecordedCapture
from tests.trainables.small_trials import merged, numbers, run, small_config
from trainables.files.checkpoint import KEY, folder_of, load_checkpoint
from trainables.files.pace import Pace
from trainables.files.record import Identity, read_record
from trainables.training.graphs import Graphs
from trainables.trial import Trial

SHORT: dict[str, Any] = {
    "train": {"epochs_per_state": 1, "batch_size": 24},
    "prune": {"schedule": {"states": 1}, "rsst": {"ramp": 0.5, "hold": 0.0}},
}
"""Two states of one epoch of four steps; RSST removes after the second one."""
ALL_AT_ONCE: dict[str, Any] = {
    "model": {"args": {"depth": 2, "drop_rate": 0.1}},
    "data": {
        "augment": {
            "crop_padding": 1,
            "flip": True,
            "rand_augment": "rand-m9-mstd0.5-inc1",
            "mixup": 0.3,
            "cutmix": 0.5,
        }
    },
    "train": {"precision": "bfloat16", "distill": {"weight": 0.5}, "clip_grad_norm": 1.0},
}
VARIANTS: dict[str, dict[str, Any]] = {
    "sgd in float16": {"train": {"optimizer": "sgd", "lr": 0.01, "precision": "float16"}},
    "rewound and repaired": {"prune": {"rewind": {"epoch": 1}, "compensate": "least_squares", "criterion": "fisher"}},
    "by gradient": {"prune": {"rsst": {"coupling": "gradient", "lambda_max": 0.5}}},
    "channels": {"model": {"arch": "twistnet18"}, "prune": {"target": "channel", "schedule": {"channel_ratio": 0.5}}},
}


def opened(folder: Path, changes: dict[str, Any], pace: Pace | None = None) -> Trial:
    return Trial.open(folder, Identity("t-000", "t"), small_config(**changes), pace=pace)


def left_within(folder: Path, changes: dict[str, Any]) -> list[Path]:
    """A trial with a checkpoint after each step, in `folder`/each, and copies of it as a kill right after each of those within
    an epoch leaves it."""
    trial, copies = opened(folder / "each", changes, Pace(steps=1)), []
    while not trial.done:
        line = trial.step()
        if line["kind"] == "within":
            copies.append(folder / f"state{line['state']}-epoch{line['epoch']}-step{line['steps_done']}")
            shutil.copytree(folder / "each", copies[-1])
            random.random(), np.random.rand(3), torch.rand(3)  # whoever else draws changes nothing
    return copies


def check_same(ours: Path, theirs: Path) -> None:
    assert numbers(ours) == numbers(theirs), ours.name
    files = [sorted((folder / "states").glob("*.safetensors")) for folder in (ours, theirs)]
    assert [file.name for file in files[0]] == [file.name for file in files[1]] != []
    for one, other in zip(*files, strict=True):
        left, right = load_file(one), load_file(other)
        assert left.keys() == right.keys()
        assert all(torch.equal(left[name], right[name]) for name in right), (ours.name, one.name)


def check_every_step(tmp_path: Path, changes: dict[str, Any]) -> list[Path]:
    run(opened(tmp_path / "straight", changes))
    copies = left_within(tmp_path, changes)
    check_same(tmp_path / "each", tmp_path / "straight")
    for copy in copies:
        run(opened(copy, changes))
        check_same(copy, tmp_path / "straight")
    return copies


def test_killed_after_any_step_a_trial_ends_with_the_same_numbers(tmp_path: Path) -> None:
    changes = merged(SHORT, {"prune": {"method": "rsst"}})
    copies = check_every_step(tmp_path, merged(changes, {"train": {"batch_size": 32}}))
    assert [copy.name for copy in copies] == [
        "state0-epoch1-step1",
        "state0-epoch1-step2",
        "state1-epoch1-step1",
        "state1-epoch1-step2",
    ]


def images(folder: Path) -> dict[str, Any]:
    """Files that are decoded batch by batch."""
    for part, count in (("train", 60), ("test", 2)):
        write_images(folder / part, ["cat", "dog"], count, seed=count)
    return {"data": {"name": "image_folder", "root": str(folder), "image_size": 16, "train_limit": 90, "workers": 0}}


@pytest.mark.slow
@pytest.mark.parametrize("data", ["in memory", "decoded"])
@pytest.mark.parametrize("method", METHODS)
def test_every_method_on_any_data(tmp_path: Path, method: str, data: str) -> None:
    decoded = images(tmp_path / "images") if data == "decoded" else {}
    changes = merged(merged(merged(SHORT, ALL_AT_ONCE), decoded), {"prune": {"method": method}})
    if METHODS[method].from_scratch:
        run(opened(tmp_path / "source", merged(SHORT, decoded)))
        source = {"scratch": {"file": str(tmp_path / "source" / "states" / "01.safetensors")}}
        changes = merged(changes, {"prune": source, "train": {"distill": {"weight": 0.0}}})
    assert len(check_every_step(tmp_path, changes)) == 6


@pytest.mark.slow
@pytest.mark.usefixtures("narrow_twistnet")
@pytest.mark.parametrize("variant", VARIANTS)
def test_whatever_else_acts_in_a_step(tmp_path: Path, variant: str) -> None:
    changes = merged(merged(SHORT, {"prune": {"method": "rsst"}}), VARIANTS[variant])
    assert len(check_every_step(tmp_path, changes)) == 6


@pytest.mark.slow
def test_with_processes_that_decode(tmp_path: Path) -> None:
    changes = merged(merged(SHORT, images(tmp_path / "images")), {"data": {"workers": 2, "augment": {"flip": True}}})
    check_every_step(tmp_path, changes)


def test_just_before_and_just_after_the_removal(tmp_path: Path) -> None:
    changes = merged(SHORT, {"prune": {"method": "rsst"}})
    run(opened(tmp_path / "straight", changes))
    before, after = (
        copy
        for copy in left_within(tmp_path, changes)
        if copy.name.endswith(("state1-epoch1-step1", "state1-epoch1-step2"))
    )
    whole, cut = (load_checkpoint(copy).checkpoint for copy in (before, after))
    assert whole is not None
    assert cut is not None
    assert whole.meta["standing"]["removal"] is None
    assert cut.meta["standing"]["removal"] is not None
    assert sum(map(torch.numel, cut.model.values())) < sum(map(torch.numel, whole.model.values()))
    for copy in (before, after):
        run(opened(copy, changes))
        check_same(copy, tmp_path / "straight")


def test_replayed_steps_are_recorded_anew_and_counted_over_both_parts(tmp_path: Path) -> None:
    changes = merged(SHORT, {"train": {"batch_size": 4}, "prune": {"method": "dense"}})

    def graphed(folder: Path, pace: Pace | None = None) -> Trial:
        trial = opened(folder, changes, pace)
        trial.procedure.graphs = Graphs("float32", must=True, new_capture=RecordedCapture)
        return trial

    run(graphed(tmp_path / "straight"))
    trial = graphed(tmp_path / "parts", Pace(steps=12))
    assert trial.step()["steps_done"] == 12
    run(graphed(tmp_path / "parts"))
    lines = {}
    for name in ("straight", "parts"):
        record = read_record(tmp_path / name)
        assert record is not None
        lines[name] = record.epochs
    assert [line["val_loss"] for line in lines["parts"]] == [line["val_loss"] for line in lines["straight"]]
    whole, parts = (lines[name][0]["graph"] for name in ("straight", "parts"))
    assert 0 < parts["replayed"] < whole["replayed"], "each part begins with steps taken eagerly"
    assert len(parts["notes"]) == 2 * len(whole["notes"]) == 2


def test_an_epochs_seconds_are_those_of_its_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("trainables.states.running_state.time.perf_counter", lambda: clock[0])
    trial = opened(tmp_path, SHORT, Pace(steps=1))

    def tick(step: int) -> None:
        clock[0] += 10

    for _ in range(2):
        procedure = trial.procedure
        running = procedure.start_state() if procedure.running is None else procedure.running
        running.before_step = tick  # type: ignore[method-assign]
        trial.step()
        clock[0] += 1000  # between the parts
    trial = opened(tmp_path, SHORT)
    trial.procedure.start_state().before_step = tick  # type: ignore[method-assign]
    line = trial.step()
    assert (line["seconds"], trial.procedure.position.seconds) == (40, 40)


def test_a_checkpoint_at_an_epochs_end_is_of_the_version_that_knows_no_other(tmp_path: Path) -> None:
    trial = opened(tmp_path, merged(SHORT, {"train": {"epochs_per_state": 2}}), Pace(steps=3))
    path = folder_of(tmp_path) / "latest.safetensors"
    found = []
    for _ in range(4):
        trial.step()
        with safe_open(path, framework="pt") as handle:
            meta, names = json.loads(handle.metadata()[KEY]), list(handle.keys())
        found.append((meta["version"], "begun" in meta, any(name.startswith("begun/") for name in names)))
    assert found == [(3, True, True), (2, False, False)] * 2


def test_a_loss_scaler_goes_on_counting(tmp_path: Path) -> None:
    changes = merged(SHORT, {"train": {"precision": "float16"}})
    opened(tmp_path, changes, Pace(steps=3)).step()
    again = opened(tmp_path, changes).procedure.start_state().engine.scaler.state_dict()
    assert again["_growth_tracker"] == 3


def test_what_diverges_after_a_checkpoint_says_the_same_step(tmp_path: Path) -> None:
    changes = merged(SHORT, {"train": {"lr": 1e5, "optimizer": "sgd", "diverged_loss": 10.0}})
    run(opened(tmp_path / "straight", changes))
    folders = [tmp_path / "straight", tmp_path / "each", *left_within(tmp_path, changes)]
    assert len(folders) > 2
    ends = []
    for folder in folders:
        run(opened(folder, changes))
        record = read_record(folder)
        assert record is not None
        ends.append((record.status, record.end))
    assert ends[0][0] == "diverged"
    assert all(end == ends[0] for end in ends)


def test_seconds_act_within_a_long_epoch_and_seldom_where_writing_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("trainables.files.pace.time.monotonic", lambda: clock[0])

    def due(pace: Pace, seconds: int) -> list[int]:
        """The seconds at which a checkpoint is due, of steps that take a second."""
        began, found = clock[0], []
        for _ in range(seconds):
            clock[0] += 1
            if pace.after_step():
                found.append(round(clock[0] - began))
                pace.written(0.1)
        return found

    assert due(Pace(30.0), 100) == [30, 60, 90]
    assert due(Pace(0.0), 100) == []
    assert Pace(0.0).at_epochs_end()
    assert not Pace(30.0).at_epochs_end()
    assert due(Pace(0.0, steps=40), 100) == [40, 80]
    assert due(Pace(30.0, steps=20), 100) == [20, 40, 60, 80, 100]
    slow = Pace(30.0)
    slow.written(2.0)
    assert due(slow, 140) == [100, 130], "two seconds in a hundred, and then it took a tenth of one"
