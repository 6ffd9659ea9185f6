"""A GPU whose memory did not do: fewer trials share it, then a trial that has it to itself takes fewer images at a time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.support.simulation import BASE, Simulation, make_study
from search.run.trials import RecordedTrial
from search.tuning.gpu_memory.gpu_room import GpuRoom
from search.tuning.losses.loss import TOLD, Loss
from trainables.files.record import TrialRecord

FULL = Loss("gpu_memory", TOLD["gpu_memory"], "OutOfMemoryError: Tried to allocate 2 GiB")


@pytest.fixture
def simulation(tmp_path: Path) -> Simulation:
    trial = BASE["trial"]
    study = make_study(tmp_path, trial={**trial, "train": {**trial["train"], "batch_size": 6}})
    return Simulation(study, tmp_path / "runs")


@pytest.fixture
def trials(simulation: Simulation) -> list[RecordedTrial]:
    found = [simulation.queue.next() for _ in range(2)]
    assert all(isinstance(one, RecordedTrial) for one in found)
    return [one for one in found if isinstance(one, RecordedTrial)]


def test_trials_that_share_a_gpu_become_fewer_before_any_batch_is_cut(trials: list[RecordedTrial]) -> None:
    one, other = trials
    room = GpuRoom(0.25)
    assert [room.give(trial.id) for trial in trials] == [{"gpus": 0.25, "micro_batches": 1}] * 2
    assert "2 trials share a GPU" in str(room.make(one))
    assert "others do that found the same" in str(room.make(other)), "it was given a quarter, and is now given half"
    assert room.gpus == 0.5
    assert [room.give(trial.id)["gpus"] for trial in trials] == [0.5, 0.5]
    assert "each trial has its GPU to itself" in str(room.make(other))
    assert "others do" in str(room.make(one))
    assert room.give(one.id) == {"gpus": 1.0, "micro_batches": 1}
    pieces = []
    while (told := room.make(one)) is not None:
        assert "each batch cut into" in told
        pieces.append(room.give(one.id)["micro_batches"])
    assert pieces == [2, 4, 6], "up to one image at a time"
    assert room.give(other.id)["micro_batches"] == 1, "a trial's alone"


@pytest.mark.parametrize(("gpus", "after"), [(1 / 3, 1.0), (1 / 5, 0.5), (0.1, 0.2)])
def test_a_share_is_one_that_as_many_have_room_with(trials: list[RecordedTrial], gpus: float, after: float) -> None:
    room = GpuRoom(gpus)
    room.make(trials[0])
    assert room.gpus == pytest.approx(after)


def test_a_trial_with_several_gpus_takes_fewer_images_at_once(trials: list[RecordedTrial]) -> None:
    room = GpuRoom(2.0)
    assert "cut into 2" in str(room.make(trials[0]))
    assert room.gpus == 2.0


def test_a_trial_that_an_earlier_launch_cut_is_cut_further_and_told_so(trials: list[RecordedTrial]) -> None:
    one = trials[0]
    record = TrialRecord(one.folder, {}, [{"micro_batches": 2}, {"micro_batches": 4}], [], None)
    room = GpuRoom(1.0)
    assert "each batch cut into 6" in str(room.make(replace(one, record=record)))
    assert room.give(one.id)["micro_batches"] == 6
    assert room.make(replace(one, record=record)) is None


def test_the_queue_hands_it_out_again_and_fails_it_where_nothing_more_can_be_done(
    simulation: Simulation, trials: list[RecordedTrial]
) -> None:
    queue = simulation.queue
    queue.after_loss.room = GpuRoom(1.0)
    for pieces in (2, 4, 6):
        assert not queue.give_back(trials[0].id, FULL).ended
        assert f"{trials[0].id}: its GPU's memory was full, after epoch 0; " in queue.notes[-1]
        again = queue.next()
        assert isinstance(again, RecordedTrial)
        assert again.id == trials[0].id
        assert queue.after_loss.room.give(again.id)["micro_batches"] == pieces
    failed = queue.give_back(trials[0].id, FULL)
    assert failed.record is not None
    assert failed.record.end is not None
    assert failed.record.end["failure"] == "gpu_memory"
    assert str(failed.record.error).startswith("train.batch_size: ")
