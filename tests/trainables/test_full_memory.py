"""A trial whose GPU's memory does not do for a whole batch, by a stand-in that refuses batches of too many images."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.trainables.full_memory import TOLD, memory_for
from tests.trainables.small_trials import numbers, run, small_config
from tests.trainables.test_tune_trainable import asked
from trainables.files.generation import next_generation
from trainables.files.record import Identity, read_record
from trainables.stages.store import StageStore
from trainables.trial import Trial
from trainables.tune_trainable import TuneTrainable

SHORT: dict[str, Any] = {
    "model": {"patch_size": 4},
    "train": {"epochs_per_state": 2},
    "prune": {"schedule": {"states": 1, "head_ratio": 0.5, "neuron_ratio": 0.5}},
}


def opened(folder: Path, micro_batches: int = 1, stages: Path | None = None, **changes: Any) -> Trial:
    return Trial.open(
        folder,
        Identity(folder.name, "t"),
        small_config(**{**SHORT, **changes}),
        stages=None if stages is None else StageStore(stages, 1.0),
        micro_batches=micro_batches,
    )


def cut_in_epochs(folder: Path) -> list[int]:
    record = read_record(folder)
    assert record is not None
    return [line.get("micro_batches", 1) for line in record.epochs]


def test_a_trial_in_pieces_says_so_in_every_epoch_and_state_and_has_nearly_the_same_numbers(tmp_path: Path) -> None:
    run(opened(tmp_path / "whole"))
    with memory_for(training=11):
        run(opened(tmp_path / "cut", 3))
    assert (cut_in_epochs(tmp_path / "whole"), cut_in_epochs(tmp_path / "cut")) == ([1] * 4, [3] * 4)
    whole, cut = (read_record(tmp_path / name) for name in ("whole", "cut"))
    assert whole is not None
    assert cut is not None
    assert all("at a time" not in text for end in whole.states for text in end.warnings)
    for ours, theirs in zip(cut.states, whole.states, strict=True):
        assert [text for text in ours.warnings if "11 images at a time of batches of 32" in text]
        assert ours.kept == theirs.kept
    for mine, other in zip(cut.epochs, whole.epochs, strict=True):
        assert mine["train_loss"] == pytest.approx(other["train_loss"], rel=1e-4)


def test_evaluation_and_calibration_take_fewer_images_at_a_time_too(tmp_path: Path) -> None:
    changes = {"prune": {**SHORT["prune"], "criterion": "taylor"}}
    with memory_for(training=2, evaluating=16) as seen:
        run(opened(tmp_path / "t", 16, **changes))
    assert {16, 7} <= set(seen), "the 23 test images in two parts, where otherwise all are evaluated at once"


def test_a_trial_goes_on_with_the_most_pieces_that_its_record_or_checkpoint_names(tmp_path: Path) -> None:
    first = opened(tmp_path / "t", 4)
    first.step()
    first.close()
    again = opened(tmp_path / "t")
    assert again.procedure.micro_batches == 4
    run(again)
    assert cut_in_epochs(tmp_path / "t") == [4] * 4
    more = opened(tmp_path / "u", 2)
    more.step()
    more.close()
    run(opened(tmp_path / "u", 8))
    assert cut_in_epochs(tmp_path / "u") == [2, 8, 8, 8]
    record = read_record(tmp_path / "u")
    assert record is not None
    assert "4 images at a time" in record.states[0].warnings[0], "of its two epochs the smaller pieces"


def test_what_was_trained_in_pieces_is_shared_with_nobody_and_others_states_are_taken(tmp_path: Path) -> None:
    trials, stages = tmp_path / "run/trials", tmp_path / "stages"
    run(opened(trials / "cut", 2, stages))
    whole = opened(trials / "whole", 1, stages)
    run(whole)
    run(opened(trials / "cut-later", 2, stages))
    run(opened(trials / "alone", 1, None))
    ends = {name: read_record(trials / name).states for name in ("cut", "whole", "cut-later")}  # type: ignore[union-attr]
    assert [end.taken_from for end in ends["cut"] + ends["whole"]] == [None] * 4
    assert [end.taken_from for end in ends["cut-later"]] == ["run/whole"] * 2
    assert numbers(trials / "whole") == numbers(trials / "alone")


def test_nobody_waits_for_a_state_that_is_trained_in_pieces(tmp_path: Path) -> None:
    trials, stages = tmp_path / "run/trials", tmp_path / "stages"
    cut, whole = opened(trials / "cut", 2, stages), opened(trials / "whole", 1, stages)
    assert "waiting" not in cut.step()
    assert "waiting" not in whole.step()
    assert "waiting" not in cut.step()


def test_the_adapter_lets_go_of_the_trial_and_leaves_its_record_open(tmp_path: Path) -> None:
    next_generation(tmp_path)
    launch = asked(tmp_path, **SHORT)
    trainable = TuneTrainable(launch)
    trainable.step()
    record = tmp_path / "t-000" / "record.jsonl"
    before, checkpoint = record.read_bytes(), tmp_path / "t-000/checkpoint/latest.safetensors"
    held = checkpoint.read_bytes()
    with memory_for(training=16):
        result = trainable.step()
        assert result == {"id": "t-000", "status": "gpu_memory", "error": f"OutOfMemoryError: {TOLD}", "done": True}
        assert (record.read_bytes(), checkpoint.read_bytes()) == (before, held)
        assert "Traceback" in (tmp_path / "t-000/error.txt").read_text()
        assert trainable.reset_config({**launch, "micro_batches": 2})
        while not (result := trainable.step())["done"]:
            pass
    assert result["status"] == "finished"
    assert cut_in_epochs(tmp_path / "t-000") == [1, 2, 2, 2]


@pytest.mark.parametrize("at", ["step", "open"])
def test_memory_is_given_back_once_nothing_of_the_failed_step_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    """The error's traceback refers to it; a cache that is emptied before that is gone keeps all of it."""
    next_generation(tmp_path)
    held: list[weakref.ref[torch.Tensor]] = []
    alive: list[bool] = []

    def fill(*_: Any, **__: Any) -> Any:
        large = torch.zeros(10)
        held.append(weakref.ref(large))
        raise torch.OutOfMemoryError(TOLD)

    trainable = TuneTrainable(asked(tmp_path, **SHORT))
    if at == "step":
        trainable.step()
        monkeypatch.setattr(trainable._trial.procedure.running, "epoch", fill)  # type: ignore[union-attr]
    else:
        monkeypatch.setattr(TuneTrainable, "open_trial", staticmethod(fill))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: alive.append(held[0]() is not None))
    gc.disable()
    try:
        assert trainable.step()["status"] == "gpu_memory"
    finally:
        gc.enable()
    assert alive[-1] is False
