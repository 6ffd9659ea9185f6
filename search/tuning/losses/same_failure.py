"""The same failure again and again: it is not the trials' fault, and the study stops."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from search.run.trials import RecordedTrial
from trainables.files.failure import Failure

SAME_FAILURES = 3
"""So many trials in a row that failed alike, and the study stops."""


@dataclass
class SameFailure:
    """Of one launch. Failures are alike by class and place, not by their text, in which a number may differ."""

    _row: deque[Failure] = field(default_factory=lambda: deque(maxlen=SAME_FAILURES))

    def after(self, trial: RecordedTrial) -> str | None:
        """Told of each trial that has ended; the newest error once it is the same for the whole row."""
        if trial.status != "failed" or trial.record is None or trial.record.end is None:
            self._row.clear()
            return None
        self._row.append(Failure.of_end(trial.record.end))
        alike = {failure.sameness for failure in self._row}
        return self._row[-1].told if len(self._row) == SAME_FAILURES and len(alike) == 1 else None
