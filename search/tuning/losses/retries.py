"""Whether a trial that was lost goes on: each kind of loss has a budget of its own, and progress fills it again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from search.run.trials import RecordedTrial
from search.tuning.losses.loss import Kind, Loss
from trainables.files.failure import Failure, FailureClass

ALLOWED: Mapping[Kind, int] = {"node": 20, "process": 2}
"""Losses of a kind, without an epoch done or a checkpoint within one between them, after which a trial is started again; of
the others none. Machines that are lent by the hour go for no fault of the trial's, so there only a trial that never gets
anywhere is given up."""
AS_FAILURES: Mapping[Kind, FailureClass] = {"node": "node", "process": "process"}
HINTS: Mapping[Kind, str] = {
    "process": " (out of memory?)",
    "node": " before it had done an epoch or a checkpoint more",
}


@dataclass
class Retries:
    """Of one launch."""

    _losses: dict[str, Counter[Kind]] = field(default_factory=dict)
    _reached: dict[str, tuple[int, int]] = field(default_factory=dict)
    """The most epochs, and steps of the next, that a trial's record or checkpoint has held: one that goes on from its
    checkpoint may hold fewer again."""

    def goes_on(self, trial: RecordedTrial, loss: Loss) -> bool:
        """Count a loss; whether the trial is started again."""
        from trainables.files.checkpoint import reached  # loads torch, which takes seconds, and few trials are lost

        place = max((len(trial.record.epochs) if trial.record else 0, 0), reached(trial.folder))
        if trial.id not in self._losses or place > self._reached[trial.id]:
            self._losses[trial.id] = Counter()
            self._reached[trial.id] = place
        self._losses[trial.id][loss.kind] += 1
        return self._losses[trial.id][loss.kind] <= ALLOWED.get(loss.kind, 0)

    def failure(self, trial: RecordedTrial, loss: Loss) -> Failure:
        """What is recorded of a trial that does not go on."""
        if loss.kind not in ALLOWED:
            return Failure("error", loss.told)
        times = self._losses[trial.id][loss.kind]
        return Failure(AS_FAILURES[loss.kind], f"{loss.told} {times} times{HINTS.get(loss.kind, '')}")
