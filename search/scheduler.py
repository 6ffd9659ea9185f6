"""The Ray side of early stopping: asks at state ends, and lets every running trial leave when the study is left."""

from __future__ import annotations

from typing import Any

from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from search.handout import Handout
from search.leaving import Leaving


class StateEndScheduler(FIFOScheduler):
    """Stops a trial only at the end of a state, by the records, after writing so into its record.

    The trial is idle between two results, so the driver may write.
    """

    _supports_buffered_results = False

    def __init__(self, handout: Handout, leaving: Leaving) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Ray's scheduler has no annotations
        self._handout = handout
        self._leaving = leaving

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        if result.get("state_ended") and self._handout.judge(result["id"]) is not None:
            return str(TrialScheduler.STOP)
        if self._leaving:
            return str(TrialScheduler.STOP)
        return str(TrialScheduler.CONTINUE)

    def __getstate__(self) -> dict[str, Any]:
        """Tune pickles its whole configuration as it starts; what this holds stays in the driver."""
        return {}
