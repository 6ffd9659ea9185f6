"""How much of a GPU a trial is given, and what is done where its memory did not do.

First fewer trials share a GPU, which changes no bit of any of them. Only a trial that has its GPU to itself goes on with fewer
images at a time (`trainables/training/micro_batches.py`), which its record says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from search.run.trials import RecordedTrial
from trainables.files.failure import Failure
from trainables.training.micro_batches import next_micro_batches, recorded_micro_batches


@dataclass
class GpuRoom:
    """Of one launch. `gpus` is each trial's share, at most 1 of which is shared."""

    gpus: float
    _given: dict[str, float] = field(default_factory=dict)
    _pieces: dict[str, int] = field(default_factory=dict)
    """Trial → the micro-batches that it is to begin with, where it had a GPU to itself and that was too small."""

    def give(self, trial_id: str) -> dict[str, Any]:
        """For a trial that is handed out now."""
        self._given[trial_id] = self.gpus
        return {"gpus": self.gpus, "micro_batches": self._pieces.get(trial_id, 1)}

    def make(self, trial: RecordedTrial) -> str | None:
        """After the memory did not do for `trial`: what is done about it, in a clause; None where nothing can be."""
        given = self._given.get(trial.id, self.gpus)
        if given < self.gpus:
            return f"it goes on with {self.gpus:g} of a GPU, as others do that found the same"
        if 0 < self.gpus < 1:
            together = max(1, round(1 / self.gpus) // 2)
            self.gpus = 1 / together
            alone = "each trial has its GPU to itself" if together == 1 else f"{together} trials share a GPU"
            return f"it goes on from its last checkpoint, and from now on {alone}"
        # An earlier launch may have cut them, which the trial goes on with whatever it is given.
        recorded = recorded_micro_batches(trial.record.epochs if trial.record else ())
        pieces = next_micro_batches(_batch_size(trial.config), max(self._pieces.get(trial.id, 1), recorded))
        if pieces is None:
            return None
        self._pieces[trial.id] = pieces
        return f"it goes on from its last checkpoint with each batch cut into {pieces}, which its record says"

    def failure(self, trial: RecordedTrial) -> Failure:
        """What is recorded of a trial for which nothing more can be done."""
        return Failure(
            "gpu_memory",
            f"train.batch_size: the GPU's memory does not do for single images of a batch of {_batch_size(trial.config)}; "
            "take a smaller network or smaller images, a GPU with more memory, or train.device: cpu",
        )


def _batch_size(config: Mapping[str, Any]) -> int:
    """The largest of any state."""
    train = config["train"]
    return max(int(train["batch_size"]), int((train.get("state0") or {}).get("batch_size") or 0))
