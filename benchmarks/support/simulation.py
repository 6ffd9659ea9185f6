"""A study without training: learning curves from a formula, written as real records, driven by the real queue."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from search.config_file import yaml_file
from search.run.manifest import open_run
from search.run.store import TrialStore
from search.study.load import load_study
from search.study.study import Study
from search.tuning.trial_queue import TrialQueue
from trainables.config.trial import TrialConfig
from trainables.files.failure import record_failure
from trainables.files.record import RecordWriter, StateEnd, TrialRecord, end_line, read_record
from trainables.files.request import TrialRequest, read_request

BASE: dict[str, Any] = {
    "name": "simulated",
    "trial": {
        "model": {"arch": "vit_micro", "init": {"source": "random"}},
        "data": {"name": "digits"},
        "train": {"epochs_per_state": 1},
        "prune": {"schedule": {"kind": "linear", "states": 4, "head_ratio": 0.8, "neuron_ratio": 0.8}},
    },
    "arms": {"refill": {"prune.method": "refill"}, "rsst": {"prune.method": "rsst"}},
    "space": {
        "train.lr": {"log_uniform": [1.0e-4, 1.0e-2]},
        "prune.rsst.shrink": {"log_uniform": [1.0e-4, 0.5], "arms": ["rsst"]},
    },
    "search": {"algorithm": "tpe", "trials_per_arm": 6},
}

TEST_ACCURACY = 0.123456
"""Of every simulated state; nothing a study shows while it runs may hold it."""


def shows_test_accuracy(text: str) -> bool:
    """As a share or in per cent, to three digits or more."""
    return "0.123" in text or "12.3" in text


def make_study(folder: Path, **sections: Any) -> Study:
    """The study above with whole sections replaced; None leaves one out."""
    content = {key: value for key, value in {**BASE, **sections}.items() if value is not None}
    file = folder / "study-file.yaml"
    file.write_text(yaml_file.dump(content), encoding="utf-8")
    return load_study(file)


def quality(config: TrialConfig) -> float:
    """What a configuration reaches when dense: best at lr 1e-3, a little different from seed to seed."""
    return 0.95 - 0.2 * abs(math.log10(config.train.lr) + 3) - 0.001 * (config.seed % 7)


Outcome = Callable[[TrialRequest, int], str | None]
"""(request, epochs done) → what befalls the trial in its next epoch: an error, `diverged`, or None."""


def nothing_happens(request: TrialRequest, epochs: int) -> str | None:
    return None


class SimulatedTrial:
    """Behaves as `trainables.trial.Trial` does towards Ray's adapter: one epoch a step, in the record at once."""

    warnings: tuple[str, ...] = ()

    def __init__(
        self, folder: Path, guard: Callable[[], None] = lambda: None, outcome: Outcome = nothing_happens
    ) -> None:
        request = read_request(folder)
        assert request is not None
        self.folder, self.request, self.guard, self.outcome = folder, request, guard, outcome
        self.config = TrialConfig.model_validate(request.config)
        self.epochs = self.config.epochs_of_states()
        self.writer = RecordWriter(folder)
        record = read_record(folder)
        if record is None:
            guard()
            header = {"identity": request.identity.to_json(), "config": request.config}
            self.writer.start({**header, "epochs_of_states": list(self.epochs)})
        self.total = len(record.epochs) if record else 0
        self.status = record.status if record else "running"
        if record is not None and not self.done and record.epochs:
            self._complete(record)

    @property
    def done(self) -> bool:
        return self.status in ("finished", "stopped", "diverged", "failed")

    def step(self) -> dict[str, Any]:
        event = self.outcome(self.request, self.total)
        if event == "diverged":
            return self._end("diverged", step=3)
        if event is not None:
            raise RuntimeError(event)
        state, epoch = self._place()
        line = self._line(state, epoch)
        self.guard()
        self.writer.append(line)
        self.total += 1
        ended = epoch == self.epochs[state]
        if ended:
            self.writer.append(self._state_end(line).to_json())
        if self.total == sum(self.epochs):
            self._end("finished")
        return {**line, "state_ended": ended}

    def _complete(self, record: TrialRecord) -> None:
        """Write what a crash between two lines left out: a real trial repeats the epoch from its checkpoint instead."""
        last = record.epochs[-1]
        if last["epoch"] == self.epochs[last["state"]] and len(record.states) == last["state"]:
            self.writer.append(self._state_end(last).to_json())
        if self.total == sum(self.epochs):
            self._end("finished")

    def close(self) -> None:
        """Nothing is open."""

    def _place(self) -> tuple[int, int]:
        left = self.total
        for state, epochs in enumerate(self.epochs):
            if left < epochs:
                return state, left + 1
            left -= epochs
        raise AssertionError("stepped beyond the end")

    def _line(self, state: int, epoch: int) -> dict[str, Any]:
        removed = 80.0 * state / max(1, len(self.epochs) - 1)
        accuracy = quality(self.config) - 0.001 * removed
        return {
            "kind": "epoch", "state": state, "epoch": epoch, "epochs_total": self.total + 1, "phase": "train",
            "train_loss": 1 - accuracy, "val_loss": 1 - accuracy, "val_accuracy": accuracy, "removed_percent": removed,
            "params": round(1000 * (1 - removed / 100)), "macs": round(5000 * (1 - removed / 100)), "seconds": 0.01,
        }  # fmt: skip

    def _state_end(self, line: dict[str, Any]) -> StateEnd:
        return StateEnd(
            state=line["state"], epochs=self.total, val_accuracy=line["val_accuracy"], val_loss=line["val_loss"],
            test_accuracy=TEST_ACCURACY, test_loss=1.0, params=line["params"], macs=line["macs"],
            removed_percent=line["removed_percent"], kept={"head": 4, "neuron": 9}, training_macs=1.0, seconds=0.1,
            file=f"states/{line['state']:02d}.safetensors",
        )  # fmt: skip

    def _end(self, status: str, **details: Any) -> dict[str, Any]:
        line = end_line(status, **details)
        self.guard()
        self.writer.append(line)
        self.status = status
        return line


@dataclass
class Simulation:
    """Runs a study in this process with `workers` trials at a time, each stepped in turn. `order` is who was handed out."""

    study: Study
    storage: Path
    workers: int = 2
    outcome: Outcome = nothing_happens
    order: list[str] = field(default_factory=list)
    retry_failed: bool = False

    def __post_init__(self) -> None:
        self.run = open_run(self.storage, self.study)
        self.relaunch()

    def relaunch(self) -> None:
        """Forget everything but the files, as a new driver does."""
        self.queue = TrialQueue(self.study, TrialStore(self.run), retry_failed=self.retry_failed)
        self.live: dict[str, SimulatedTrial] = {}

    @property
    def store(self) -> TrialStore:
        return self.queue.store

    def go(self, epochs: int | None = None) -> Simulation:
        """Until nothing is left, or for so many epochs of all trials together."""
        left = math.inf if epochs is None else epochs
        while left > 0:
            while len(self.live) < self.workers:
                trial = self.queue.next()
                if trial in ("wait", "done"):
                    break
                self.order.append(trial.id)
                self.live[trial.id] = SimulatedTrial(trial.folder, outcome=self.outcome)
            if not self.live:
                return self
            for trial_id in list(self.live):
                self._step(trial_id)
                left -= 1
                if left <= 0:
                    return self
        return self

    def _step(self, trial_id: str) -> None:
        trial = self.live[trial_id]
        try:
            result = {} if trial.done else trial.step()
        except RuntimeError as error:
            record_failure(trial.folder, trial.request, str(error))
            trial.status = "failed"
            result = {}
        if not trial.done and result.get("state_ended") and self.queue.judge(trial_id) is not None:
            trial.status = "stopped"
        if trial.done:
            del self.live[trial_id]
            self.queue.give_back(trial_id, crashed=False)

    def statuses(self) -> dict[str, str]:
        return {trial.id: trial.status for trial in self.store}
