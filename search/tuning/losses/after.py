"""What becomes of a trial that was lost: it goes on, and people are told how, or it has failed."""

from __future__ import annotations

from dataclasses import dataclass, field

from search.run.trials import RecordedTrial
from search.tuning.gpu_memory.gpu_room import GpuRoom
from search.tuning.losses.kept import keep_loss, where_kept
from search.tuning.losses.loss import Loss
from search.tuning.losses.retries import Retries
from trainables.files.failure import Failure


@dataclass
class AfterLoss:
    """Of one launch. `room` is set once it is known which GPUs there are."""

    room: GpuRoom = field(default_factory=lambda: GpuRoom(0.0))
    _retries: Retries = field(default_factory=Retries)

    def decide(self, trial: RecordedTrial, loss: Loss) -> str | Failure:
        """What to tell of a trial that goes on, or as what one that does not has failed."""
        epochs = len(trial.record.epochs) if trial.record else 0
        if loss.kind == "gpu_memory":  # the trial's process has kept where that was
            remedy = self.room.make(trial)
            return f"{loss.told}, after epoch {epochs}; {remedy}" if remedy else self.room.failure(trial)
        loss = keep_loss(trial.folder, loss)
        if not self._retries.goes_on(trial, loss):
            return self._retries.failure(trial, loss)
        return f"{loss.told}, after epoch {epochs}; it goes on from its last checkpoint; see {where_kept(trial.folder)}"
