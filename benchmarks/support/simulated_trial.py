"""One trial that trains nothing: a learning curve from a formula, written as a real record.

Apart from the simulated study, so that a process that only runs trials loads neither Optuna nor the queue.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from trainables.config.trial import TrialConfig
from trainables.files.generation import UNFENCED, Guard
from trainables.files.record import RecordWriter, StateEnd, TrialRecord, end_line, read_record
from trainables.files.request import TrialRequest, read_request

TEST_ACCURACY = 0.123456
"""Of every simulated state; nothing a study shows while it runs may hold it."""


def shows_test_accuracy(text: str) -> bool:
    """As a share or in per cent, to three digits or more."""
    return "0.123" in text or "12.3" in text


DENSE_MACS = 5000
STOOD_ON: dict[str, Any] = {
    "data": {"name": "digits", "digest": "none", "classes": 10, "sizes": {"train": 1, "val": 1, "test": 1}},
    "dense": {"macs": DENSE_MACS},
    "environment": {"python": "none", "libraries": {}, "processor": "none", "precision": "float32", "threads": 1},
}
"""Of the record's first line, what a report tells."""


def quality(config: TrialConfig) -> float:
    """What a configuration reaches when dense: best at lr 1e-3, a little different from seed to seed."""
    rate = config.train.lr if config.states else config.train_of_state(0).lr
    return 0.95 - 0.2 * abs(math.log10(rate) + 3) - 0.001 * (config.seed % 7)


Outcome = Callable[[TrialRequest, int], str | None]
"""(request, epochs done) → what befalls the trial in its next epoch: an error, `diverged`, or None."""


def nothing_happens(request: TrialRequest, epochs: int) -> str | None:
    return None


class SimulatedTrial:
    """Behaves as `trainables.trial.Trial` does towards Ray's adapter: one epoch a step, in the record at once."""

    warnings: tuple[str, ...] = ()

    def __init__(self, folder: Path, guard: Guard = UNFENCED, outcome: Outcome = nothing_happens) -> None:
        request = read_request(folder)
        assert request is not None
        self.folder, self.request, self.guard, self.outcome = folder, request, guard, outcome
        self.config = TrialConfig.model_validate(request.config)
        self.epochs = self.config.epochs_of_states()
        self.writer = RecordWriter(folder, guard.generation)
        record = read_record(folder)
        if record is None:
            guard()
            header = {"identity": request.identity.to_json(), "config": request.config}
            self.writer.start({**header, **STOOD_ON, "epochs_of_states": list(self.epochs)})
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

    def val_accuracy(self, removed_percent: float) -> float:
        return quality(self.config) - 0.001 * removed_percent

    def test_accuracy(self, removed_percent: float) -> float:
        return TEST_ACCURACY

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
        accuracy = self.val_accuracy(removed)
        return {
            "kind": "epoch", "state": state, "epoch": epoch, "epochs_total": self.total + 1, "phase": "train",
            "train_loss": 1 - accuracy, "val_loss": 1 - accuracy, "val_accuracy": accuracy, "removed_percent": removed,
            "params": round(1000 * (1 - removed / 100)), "macs": round(DENSE_MACS * (1 - removed / 100)), "seconds": 0.01,
            "removed_of_all_percent": removed,
        }  # fmt: skip

    def _state_end(self, line: dict[str, Any]) -> StateEnd:
        return StateEnd(
            state=line["state"], epochs=self.total, val_accuracy=line["val_accuracy"], val_loss=line["val_loss"],
            test_accuracy=self.test_accuracy(line["removed_percent"]), test_loss=1.0, params=line["params"], macs=line["macs"],
            removed_percent=line["removed_percent"], kept={"head": 4, "neuron": 9}, training_macs=1.0, seconds=0.1,
            removed_of_all_percent=line["removed_of_all_percent"], file=f"states/{line['state']:02d}.safetensors",
        )  # fmt: skip

    def _end(self, status: str, **details: Any) -> dict[str, Any]:
        line = end_line(status, **details)
        self.guard()
        self.writer.append(line)
        self.status = status
        return line
