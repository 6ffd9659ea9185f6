"""Ray Tune's side: its searcher, its scheduler and its callback, each of which asks ours and decides nothing."""

from __future__ import annotations

from typing import Any

from ray import tune
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from search.tuning.optuna_log import OptunaLog
from search.tuning.progress import Progress
from search.tuning.stop_request import StopRequest
from search.tuning.trial_queue import TrialQueue


class StaysInDriver:
    """Tune pickles its whole configuration as it starts; what these hold stays in the driver."""

    def __getstate__(self) -> dict[str, Any]:
        return {}


class RecordSearcher(StaysInDriver, Searcher):
    """Gives Tune at most `max_concurrent` trials at a time, and none any more once the study is being left."""

    def __init__(
        self,
        queue: TrialQueue,
        stop_request: StopRequest,
        progress: Progress,
        log: OptunaLog,
        generation: int,
        max_concurrent: int,
    ) -> None:
        super().__init__(metric="val_accuracy", mode="max")
        self._queue, self._stop_request = queue, stop_request
        self._progress, self._log = progress, log
        self._generation = generation
        self._most = max_concurrent
        self._ours: dict[str, str] = {}

    def suggest(self, trial_id: str) -> Any:
        """Ray's configuration of the next trial, None to wait, or FINISHED."""
        if self._stop_request:
            return str(Searcher.FINISHED)
        if len(self._queue.live) >= self._most:
            return None
        trial = self._queue.next()
        self._show_notes()
        if trial == "wait":
            return None
        if trial == "done":
            return str(Searcher.FINISHED)
        self._ours[trial_id] = trial.id
        self._progress.started(trial)
        return {
            "run": str(self._queue.store.run.path),
            "folder": str(trial.folder),
            "generation": self._generation,
            "retry_failed": self._queue.retry_failed,
        }

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        ours = self._ours.pop(trial_id, None)
        if ours is None:
            return
        trial = self._queue.give_back(ours, crashed=error)
        self._progress.left(trial)
        self._show_notes()
        self._log.refresh()
        if self._queue.fatal is not None:
            self._stop_request.ask("the same failure again and again")

    def _show_notes(self) -> None:
        while self._queue.notes:
            self._progress.say(self._queue.notes.pop(0))

    def save(self, checkpoint_path: str) -> None:
        """Nothing to save: the records hold everything."""

    def restore(self, checkpoint_path: str) -> None:
        raise NotImplementedError("a run goes on from its records, not from Ray's files")

    def save_to_dir(self, checkpoint_dir: str, session_str: str = "default") -> None:
        """Nothing to save: the records hold everything."""


class StateEndScheduler(StaysInDriver, FIFOScheduler):
    """Stops a trial only at the end of a state, by the records, after writing so into its record.

    The trial is idle between two results, so the driver may write.
    """

    _supports_buffered_results = False

    def __init__(self, queue: TrialQueue, stop_request: StopRequest) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Ray's scheduler has no annotations
        self._queue = queue
        self._stop_request = stop_request

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        if result.get("state_ended") and self._queue.judge(result["id"]) is not None:
            return str(TrialScheduler.STOP)
        if self._stop_request:
            return str(TrialScheduler.STOP)
        return str(TrialScheduler.CONTINUE)


class Watch(StaysInDriver, tune.Callback):
    """Shows every result, and takes the signals back that Tune has just taken."""

    def __init__(self, stop_request: StopRequest, progress: Progress) -> None:
        self._stop_request, self._progress = stop_request, progress

    def setup(
        self, stop: Any = None, num_samples: int | None = None, total_num_samples: int | None = None, **info: Any
    ) -> None:
        self._stop_request.catch_signals()

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        self._progress.epoch(result)
