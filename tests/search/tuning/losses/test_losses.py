"""Why a trial was lost, as Ray tells it, and whether it goes on."""

from __future__ import annotations

import errno
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ray.exceptions import ActorDiedError, ActorUnavailableError, OutOfMemoryError, RayTaskError

from benchmarks.support.simulated_trial import SimulatedTrial
from benchmarks.support.simulation import Simulation, make_study
from search.run.trials import RecordedTrial, read_trial
from search.tuning.losses.kept import keep_loss
from search.tuning.losses.loss import TOLD, Kind, Loss, loss_by, loss_of
from search.tuning.losses.retries import ALLOWED, Retries
from tests.trainables.small_trials import small_config
from trainables.files.generation import Fenced
from trainables.files.pace import Pace
from trainables.files.record import Identity
from trainables.files.worker_log import WORKER_LOG
from trainables.trial import Trial


def by_task(cause: Exception) -> RayTaskError:
    made = RayTaskError("step", "Traceback ...", cause)
    return made.as_instanceof_cause()  # type: ignore[no-any-return]  # as Ray raises it


@pytest.mark.parametrize(
    ("error", "said", "kind", "told"),
    [
        (ActorDiedError(), "because its worker process has died", "process", "its process died"),
        (ActorDiedError(), "The actor died because its node has died. Node Id: 1", "node", "its machine was lost"),
        (ActorUnavailableError("RPC error: Socket closed", None), "", "node", "cannot be reached"),
        (OutOfMemoryError("much text"), "", "process", "nearly full"),
        (None, "no exception could be read", "process", "its process died"),
        (by_task(Fenced("launch 1 is over")), "", "fenced", "another launch"),
        (by_task(OSError(errno.ENOSPC, "No space left", "/data/record.jsonl")), "", "disk", "/data/record.jsonl"),
        (
            by_task(OSError(errno.EIO, "broken", "/data/x")),
            "",
            "disk",
            "/data/x: Input/output error: see that the disk or mount works",
        ),
        (by_task(OSError(errno.ENOENT, "gone")), "", "error", "FileNotFoundError: [Errno 2] gone"),
        (by_task(ValueError("at setup")), "", "error", "ValueError: at setup"),
    ],
)
def test_what_ray_says_is_told_in_our_words(error: Exception | None, said: str, kind: Kind, told: str) -> None:
    loss = loss_by(error, said)
    assert loss.kind == kind
    assert told in loss.told


def test_a_machine_that_was_taken_back_is_told() -> None:
    error = ActorDiedError()
    error._preempted = True
    assert loss_by(error, "").told == f"{TOLD['node']}: it was taken back"


def test_an_exception_that_cannot_be_read_back_is_no_error_of_the_driver(tmp_path: Path) -> None:
    said, pickled = tmp_path / "error.txt", tmp_path / "error.pkl"
    said.write_text("The actor died because its node has died.")
    pickled.write_bytes(b"cno_such_library\nError\n.")
    assert loss_of(SimpleNamespace(error_file=str(said), pickled_error_file=str(pickled))).kind == "node"
    assert loss_of(SimpleNamespace(error_file=None, pickled_error_file=None)).kind == "process"


@pytest.fixture
def trial(tmp_path: Path) -> RecordedTrial:
    found = Simulation(make_study(tmp_path), tmp_path / "runs").queue.next()
    assert not isinstance(found, str)
    return found


def stepped(trial: RecordedTrial) -> RecordedTrial:
    SimulatedTrial(trial.folder).step()
    return read_trial(trial.folder, "running")


@pytest.mark.parametrize("kind", list(ALLOWED))
def test_a_budget_of_losses_is_filled_again_by_progress(trial: RecordedTrial, kind: Kind) -> None:
    retries, loss = Retries(), Loss(kind, TOLD[kind])
    for _ in range(3):
        assert all(retries.goes_on(trial, loss) for _ in range(ALLOWED[kind]))
        trial = stepped(trial)
    assert all(retries.goes_on(trial, loss) for _ in range(ALLOWED[kind]))
    assert not retries.goes_on(trial, loss)
    failure = retries.failure(trial, loss)
    assert failure.of == kind
    assert failure.told.startswith(f"{TOLD[kind]} {ALLOWED[kind] + 1} times")


def test_a_checkpoint_within_an_epoch_is_progress(tmp_path: Path) -> None:
    retries, loss, folder = Retries(), Loss("process", TOLD["process"]), tmp_path / "t-000"
    real = Trial.open(folder, Identity("t-000", "t"), small_config(), pace=Pace(steps=1))
    for _ in range(2):
        assert real.step()["kind"] == "within"
        trial = read_trial(folder, "running")
        assert all(retries.goes_on(trial, loss) for _ in range(ALLOWED["process"]))
    assert not retries.goes_on(trial, loss)


def test_going_back_to_a_checkpoint_is_no_progress(trial: RecordedTrial) -> None:
    retries, loss = Retries(), Loss("process", TOLD["process"])
    ahead = stepped(stepped(trial))
    assert retries.goes_on(ahead, loss)
    assert retries.goes_on(trial, loss)
    assert not retries.goes_on(ahead, loss)


def test_losses_of_one_kind_do_not_spend_the_budget_of_another(trial: RecordedTrial) -> None:
    retries = Retries()
    for kind in ALLOWED:
        assert all(retries.goes_on(trial, Loss(kind, TOLD[kind])) for _ in range(ALLOWED[kind]))


def test_an_error_of_the_trials_own_ends_it_at_once(trial: RecordedTrial) -> None:
    retries, loss = Retries(), Loss("error", "ValueError: at setup")
    assert not retries.goes_on(trial, loss)
    assert retries.failure(trial, loss).told == "ValueError: at setup"


def test_all_that_is_known_is_kept_and_the_cause_of_death_is_told(trial: RecordedTrial) -> None:
    (trial.folder / WORKER_LOG).write_text("a warning\nFatal Python error: Segmentation fault\n\nStack:\n")
    loss = keep_loss(trial.folder, Loss("process", "its process died", "what Ray says"))
    assert loss.told == "its process died (Segmentation fault)"
    kept = (trial.folder / "error.txt").read_text()
    for text in (loss.told, "what Ray says", "a warning", "Stack:"):
        assert text in kept


@pytest.mark.parametrize("kind", ["disk", "fenced"])
def test_what_is_no_trials_fault_ends_the_launch_and_leaves_the_trial(tmp_path: Path, kind: Any) -> None:
    simulation = Simulation(make_study(tmp_path), tmp_path / "runs")
    trial = simulation.queue.next()
    assert not isinstance(trial, str)
    left = simulation.queue.give_back(trial.id, Loss(kind, TOLD[kind]))
    assert not left.ended
    assert simulation.queue.leave == TOLD[kind]
    assert simulation.queue.fatal is None
