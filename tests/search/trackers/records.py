"""A run whose trials' records have epochs, and a tracker in memory that fails when it is told to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from search.run.folder import RunFolder
from search.study.load import load_study
from search.trackers.base import Introduction, TrackedTrial, Tracker
from search.trackers.ledger import Ledger
from search.trackers.process import told_to_trackers
from search.trackers.rows import Row
from search.trackers.sender import Sender
from tests.search.made_runs import HEADER, MadeRun, state_end
from trainables.files.record import Identity, RecordWriter, end_line
from trainables.files.request import TrialRequest, write_request
from trainables.tensorboard.tags import Scalar

EPOCHS_OF_STATE = 2


@dataclass
class GrowingTrial:
    """A trial whose record is written line by line, two epochs in each of two states."""

    run: Path
    id: str = "rsst-000"
    generation: int = 0
    source: str | None = None
    _writer: RecordWriter = field(init=False)

    def __post_init__(self) -> None:
        folder = self.run / "trials" / self.id
        identity = Identity(self.id, "rsst", "search", 0, 7)
        config = {"train": {"lr": 0.003, "epochs_per_state": 2, "betas": [0.9, 0.999]}, "prune": {"method": "rsst"}}
        write_request(folder, TrialRequest(identity, config, {"train.lr": 0.003}, {}, self.source))
        self._writer = RecordWriter(folder, self.generation)
        header = {"identity": identity.to_json(), "config": config, **HEADER, "epochs_of_states": [2, 2]}
        self._writer.start(header)

    def epochs(self, first: int, last: int) -> None:
        """The lines of these epochs, counted over all states, with the ends of the states that they end."""
        for number in range(first, last + 1):
            self.epoch(number)
            if number % EPOCHS_OF_STATE == 0:
                self.state(number)

    def epoch(self, number: int) -> None:
        state, epoch = divmod(number - 1, EPOCHS_OF_STATE)
        line = {
            "kind": "epoch", "state": state, "epoch": epoch + 1, "epochs_total": number, "phase": "train",
            "train_loss": 1 / number, "train_accuracy": 0.5, "val_loss": 0.7, "val_accuracy": number / 100,
            "lr": 1e-3, "lambda": 0.0, "kept": {"head": 3, "neuron": 3}, "removed_percent": 10.0,
            "removed_of_all_percent": 4.0, "params": 1000, "macs": 5000, "images_per_second": 100.0, "seconds": 1.0,
        }  # fmt: skip
        self._writer.append(line)

    def state(self, number: int) -> None:
        state = number // EPOCHS_OF_STATE - 1
        self._writer.append(state_end(state, number / 100, 20.0 * state, 1.0).to_json())

    def end(self, status: str) -> None:
        self._writer.append(end_line(status))

    def go_on(self, epochs: int, generation: int) -> None:
        """A later launch goes on after so many epochs, at a state's beginning."""
        self._writer = RecordWriter(self.run / "trials" / self.id, generation)
        self._writer.go_on(epochs // EPOCHS_OF_STATE, 0, epochs)


@dataclass
class Told:
    """What a tracker has of one trial."""

    introduction: Introduction
    steps: list[int] = field(default_factory=list)
    scalars: list[Scalar] = field(default_factory=list)
    statuses: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)


@dataclass
class Memory(Tracker):
    """`fail` is called before each thing it is asked; `knows`: it can say how many epochs it has."""

    told: dict[str, Told] = field(default_factory=dict)
    fail: Callable[[str], None] = lambda what: None
    knows: bool = True
    has_at_once: bool = True

    def introduce(self, trial: Introduction, known: str | None) -> TrackedTrial:
        self.fail("introduce")
        name = known or trial.key
        self.told.setdefault(name, Told(trial))
        return _InMemory(self, name)


class _InMemory(TrackedTrial):
    def __init__(self, memory: Memory, name: str) -> None:
        self._memory, self.id, self._waiting = memory, name, list[Row]()
        self.known = max(self._told.steps, default=0) if memory.knows else None

    @property
    def _told(self) -> Told:
        return self._memory.told[self.id]

    def send(self, rows: Sequence[Row]) -> None:
        for row in rows:
            self._memory.fail("send")
            if self._memory.has_at_once:
                self._take(row)
            else:
                self._waiting.append(row)

    def _take(self, row: Row) -> None:
        self._told.steps.append(row.step)
        self._told.scalars += row.scalars

    def end(self, status: str, final: Sequence[Scalar], at: float) -> None:
        self._let_go(status)
        self._told.times.append(at)
        self._told.scalars += final

    def leave(self, at: float) -> None:
        self._let_go("interrupted")

    def _let_go(self, status: str) -> None:
        self._memory.fail("let go")
        for row in self._waiting:
            self._take(row)
        self._told.statuses.append(status)


def made_run(folder: Path, **study: Any) -> Path:
    return MadeRun(folder / "made", study=study).path


def sender(run: Path, tracker: Tracker, said: list[str] | None = None) -> Sender:
    """Of one process: another one knows of it what the ledger says."""
    folder = RunFolder(run)
    return Sender(
        folder, Ledger(folder, "mlflow", "here"), "made", lambda: tracker, (said if said is not None else []).append
    )


def send(run: Path, said: list[str]) -> bool:
    """As a launch does from its beginning to its end."""
    study = load_study(run / "study.yaml", recorded=True)
    with told_to_trackers(study.logging, RunFolder(run), said.append) as told:
        pass
    return all(one.complete for one in told)


def resumed(tmp_path: Path, **logging: Any) -> Path:
    """A run whose trial was interrupted after three epochs, and went on after two in a second launch."""
    run, said = made_run(tmp_path, logging=logging), list[str]()
    trial = GrowingTrial(run)
    trial.epochs(1, 3)
    assert send(run, said)
    trial.go_on(2, generation=2)
    trial.epochs(3, 4)
    trial.end("finished")
    assert send(run, said)
    assert said == []
    return run
