"""Trials with an outside teacher: it teaches in every state, state 0 and the scratch control included, and what makes a
trial repeatable, shareable and resumable holds with it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional

from models.errors import UserError
from models.save_load import load, load_parts, save
from tests.trainables.recorded_capture import RecordedCapture
from tests.trainables.small_trials import killed_after_each, merged, numbers, open_trial, run, small_config
from tests.trainables.stages.test_sharing import opened, outcome, taken
from tests.trainables.test_graphed_trial import SHORT, graphed, without_notes
from trainables.files.record import read_record
from trainables.states.running_state import RunningState
from trainables.training.epoch import Tally, train_steps

TEACHERS_DATA = {"train_limit": 200, "image_size": 10}
"""So that its size and its normalisation are others than the student's."""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dense network's state file: another architecture, trained on the same set."""
    folder = tmp_path_factory.mktemp("teacher")
    changes = {
        "model": {"arch": "timm:test_resnet"},
        "data": TEACHERS_DATA,
        "train": {"epochs_per_state": 6, "lr": 0.01},
    }
    run(open_trial(folder, **changes, prune={"method": "dense", "target": "channel", "schedule": {"states": 0}}))
    return folder / "states" / "00.safetensors"


def by(file: Path, **changes: Any) -> dict[str, Any]:
    teacher = {"init": {"source": "path", "path": str(file)}}
    return merged({"train": {"distill": {"weight": 0.7, "temperature": 2.0, "teacher": teacher}}}, changes)


def header_of(folder: Path) -> dict[str, Any]:
    record = read_record(folder)
    assert record is not None
    return record.header


@pytest.fixture(scope="module")
def straight(file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("taught") / "straight"
    run(open_trial(folder, **by(file)))
    return folder


def test_the_loss_is_that_of_the_teachers_own_view_from_state_0_on(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first step of each state, worked out from pixels."""
    seen: list[tuple[float, float]] = []
    teacher = load(file)
    trial = open_trial(tmp_path, **by(file, data={"train_limit": 32}, train={"epochs_per_state": 1}))
    mean, std = trial.procedure.data.mean, trial.procedure.data.std

    def first_step(engine: Any, batches: Any, rates: Any, first: int, tally: Tally, *rest: Any) -> None:
        images, labels = next(iter(batches))
        # Nothing here drops out, so that a second forward pass gives the same.
        with torch.no_grad():
            logits = engine.model.train()(images)
            pixels = images * torch.tensor(std).view(1, -1, 1, 1) + torch.tensor(mean).view(1, -1, 1, 1)
            large = functional.interpolate(pixels, (10, 10), mode="bicubic", antialias=True).clamp(0, 1)
            theirs = header_of(tmp_path)["teacher"]
            shown = (large - torch.tensor(theirs["mean"])) / torch.tensor(theirs["std"])
            taught = functional.softmax(teacher(shown) / 2, dim=1)
            gap = (taught * (taught.log() - functional.log_softmax(logits / 2, dim=1))).sum(1).mean()
            expected = 0.3 * functional.cross_entropy(logits, labels) + 0.7 * 4 * gap
        train_steps(engine, [(images, labels)], rates, first, tally, *rest)
        seen.append((tally.result().loss, float(expected)))

    monkeypatch.setattr("trainables.states.running_state.train_steps", first_step)
    run(trial)
    assert len(seen) == 3
    for found, expected in seen:
        assert found == pytest.approx(expected, rel=1e-4)


def test_the_record_says_who_taught_and_what_it_knows(straight: Path, file: Path) -> None:
    header = header_of(straight)
    told = header["teacher"]
    assert (told["origin"], told["verdict"], told["trained_on"]) == (str(file), "unproven", "digits")
    assert told["spec"]["arch"] == "timm:test_resnet"
    assert told["probe"]["wins"]
    assert told["mean"] != header["data"]["mean"]
    assert not any("distill" in line for line in header["warnings"])
    assert "teacher" not in header_of(file.parents[1])


@pytest.mark.slow
def test_a_trial_that_was_killed_goes_on_with_the_same_numbers(tmp_path: Path, straight: Path, file: Path) -> None:
    for killed in killed_after_each(tmp_path, 5, **by(file)):
        assert numbers(killed) == numbers(straight)


def test_another_teacher_in_the_same_place_is_found_out(tmp_path: Path, file: Path) -> None:
    own = shutil.copy(file, tmp_path / "teacher.safetensors")
    open_trial(tmp_path / "trial", **by(own)).step()
    parts = load_parts(own)
    changed = {name: 1.01 * tensor if tensor.ndim == 4 else tensor for name, tensor in parts.state.items()}
    save(own, changed, parts.spec, parts.structure, parts.metadata)
    with pytest.raises(UserError, match="holds a trial with another teacher: digest was"):
        open_trial(tmp_path / "trial", **by(own))


@pytest.mark.slow
def test_states_are_shared_by_what_the_teacher_is_and_not_by_where_it_lies(tmp_path: Path, file: Path) -> None:
    trials, stages = tmp_path / "run/trials", tmp_path / "stages"
    moved = shutil.copy(file, tmp_path / "moved.safetensors")
    run(opened(trials / "first", stages, **by(file)))
    run(opened(trials / "second", stages, **by(moved)))
    assert taken(trials / "second") == [True] * 3
    assert outcome(trials / "first") == outcome(trials / "second")
    run(open_trial(tmp_path / "other", prune={"schedule": {"states": 0}}))
    for name, changes in (
        ("untaught", {}),
        ("by dense", {"train": {"distill": {"weight": 0.7, "temperature": 2.0}}}),
        ("by another", by(tmp_path / "other/states/00.safetensors")),
        ("otherwise", by(file, train={"distill": {"weight": 0.6}})),
    ):
        run(opened(trials / name, stages, **changes))
        assert taken(trials / name)[0] is (name == "by dense"), name


def test_a_resumed_trial_shares_on(tmp_path: Path, file: Path) -> None:
    trials, stages = tmp_path / "run/trials", tmp_path / "stages"
    trial = opened(trials / "first", stages, **by(file))
    trial.step(), trial.close()
    run(opened(trials / "first", stages, **by(file)))
    run(opened(trials / "second", stages, **by(file, prune={"method": "rsst"})))
    assert taken(trials / "second") == [True, False, False]


def test_a_replayed_step_is_an_eager_one(tmp_path: Path, file: Path) -> None:
    changes = by(file, **SHORT)
    captures: list[RecordedCapture] = []
    run(graphed(open_trial(tmp_path / "replayed", **changes), captures))
    run(graphed(open_trial(tmp_path / "eager", **changes), [], eager=True))
    assert without_notes(tmp_path / "replayed") == without_notes(tmp_path / "eager")
    assert sum(one.replays for one in captures) > 10


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_it_teaches_in_the_trials_precision(tmp_path: Path, file: Path, precision: str) -> None:
    changes = by(file, train={"precision": precision, "epochs_per_state": 1}, prune={"schedule": {"states": 1}})
    assert run(open_trial(tmp_path, **changes))["status"] == "finished"


def test_the_scratch_control_is_taught_as_well(tmp_path: Path, straight: Path, file: Path) -> None:
    source = {"method": "scratch", "scratch": {"file": str(straight / "states/02.safetensors")}}
    trials = {}
    for name, changes in (("taught", by(file, prune=source)), ("untaught", {"prune": source})):
        trial = open_trial(tmp_path / name, **changes)
        assert not any("train.distill" in line for line in trial.warnings)
        run(trial)
        trials[name] = numbers(tmp_path / name)
    assert trials["taught"][0]["train_loss"] != trials["untaught"][0]["train_loss"]


@pytest.mark.parametrize("method", ["dense", "rsst", "imp"])
def test_every_state_of_other_methods_has_the_teacher(
    tmp_path: Path, file: Path, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    taught: list[bool] = []
    epoch = RunningState.epoch

    def noted(state: RunningState, pause: Any) -> dict[str, Any]:
        taught.append(state.engine.teacher is not None and state.engine.config.distill.weight == 0.7)
        return epoch(state, pause)

    monkeypatch.setattr(RunningState, "epoch", noted)
    run(open_trial(tmp_path, **by(file, train={"epochs_per_state": 1}, prune={"method": method})))
    assert taught == [True] * 3


def test_a_teacher_without_a_weight_is_neither_opened_nor_heeded(tmp_path: Path) -> None:
    trial = open_trial(tmp_path, **by(tmp_path / "none", train={"distill": {"weight": 0.0}}))
    assert "train.distill.teacher: without effect, since train.distill.weight is 0" in trial.warnings
    assert "teacher" not in header_of(tmp_path)


def test_only_an_outside_teacher_teaches_in_state_0() -> None:
    dense, outside = small_config(train={"distill": {"weight": 0.5}}), small_config(**by(Path("x")))
    assert dense.train_of_state(0).distill.weight == 0
    assert outside.train_of_state(0).distill == outside.train_of_state(1).distill
