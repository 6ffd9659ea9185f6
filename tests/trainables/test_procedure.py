"""A procedure without files: started, left and restored, state by state."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import torch

from models.save_load import build_compact
from tests.trainables.small_trials import small_config
from trainables.files.record import Identity
from trainables.prepare import prepare
from trainables.states.procedure import Procedure

TIMES = ("seconds", "images_per_second")


def procedure_of(**changes: Any) -> Procedure:
    return prepare(Identity("t-000"), small_config(**changes)).procedure


def rsst_of_two_states() -> Procedure:
    return procedure_of(
        data={"train_limit": 48}, prune={"method": "rsst", "schedule": {"states": 1}, "rewind": {"epoch": 1}}
    )


def epochs(procedure: Procedure, count: int | None = None) -> list[dict[str, Any]]:
    """The record lines, without times, of the next `count` epochs, or of all that are left."""
    lines: list[dict[str, Any]] = []
    while not procedure.finished and len(lines) != count:
        running = procedure.running or procedure.start_state()
        lines.append({key: value for key, value in running.epoch().items() if key not in TIMES})
        procedure.take_rewind_point()
        if procedure.state_ended:
            procedure.end_state()
    return lines


@cache
def unbroken() -> tuple[Procedure, list[dict[str, Any]]]:
    procedure = rsst_of_two_states()
    return procedure, epochs(procedure)


def test_a_state_runs_from_its_start_to_its_end_and_no_longer() -> None:
    procedure = procedure_of(data={"train_limit": 48}, train={"epochs_per_state": 1}, prune={"schedule": {"states": 1}})
    assert procedure.running is None
    running = procedure.start_state()
    assert procedure.running is running
    assert not procedure.state_ended
    running.epoch()
    assert procedure.state_ended
    procedure.end_state()
    assert procedure.running is None
    assert (procedure.position.state, procedure.position.epoch) == (1, 0)
    assert not procedure.finished


@pytest.mark.parametrize("left_after", [1, 2, 3])
def test_a_restored_procedure_goes_on_with_the_same_numbers(left_after: int) -> None:
    straight, whole = unbroken()
    assert [line["state"] for line in whole] == [0, 0, 1, 1]
    left = rsst_of_two_states()
    begun, rewind_to = epochs(left, 1), left.network.snapshot()
    begun += epochs(left, left_after - 1)
    again = rsst_of_two_states()
    again.restore(left.checkpoint(), rewind_to)
    assert begun + epochs(again) == whole
    ours, theirs = again.network.snapshot(), straight.network.snapshot()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_a_checkpoint_taken_again_before_the_state_is_started_loses_no_moments() -> None:
    first = rsst_of_two_states()
    epochs(first, 1)
    snapshot = first.checkpoint()
    assert snapshot.optimizer
    again = rsst_of_two_states()
    again.restore(snapshot, None)
    assert again.checkpoint().optimizer.keys() == snapshot.optimizer.keys()


def test_between_two_states_there_are_no_moments_to_keep() -> None:
    procedure = rsst_of_two_states()
    epochs(procedure, 2)
    assert procedure.position.state == 1
    assert procedure.checkpoint().optimizer == {}


def test_a_teacher_is_lacking_from_state_1_until_it_is_given_and_teaches_every_later_state() -> None:
    procedure = procedure_of(
        data={"train_limit": 48},
        train={"epochs_per_state": 1, "distill": {"weight": 0.5}},
        prune={"schedule": {"states": 2}},
    )
    assert not procedure.lacks_teacher, "state 0 has none"
    epochs(procedure, 1)
    assert procedure.lacks_teacher
    dense = build_compact(procedure.network.spec, procedure.network.structure)
    procedure.teach(dense)
    assert not procedure.lacks_teacher
    for _ in range(2):
        assert procedure.start_state().engine.teacher is dense
        procedure.end_state()


def test_the_weights_to_return_to_are_those_of_the_named_epoch_only() -> None:
    procedure = rsst_of_two_states()
    procedure.start_state().epoch()
    point = procedure.take_rewind_point()
    assert point is not None
    assert all(torch.equal(point[name], tensor) for name, tensor in procedure.network.model.state_dict().items())
    epochs(procedure, 1)
    assert procedure.take_rewind_point() is None
