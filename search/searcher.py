"""The Ray side of handing out trials: Tune asks, the handout answers from the records.

Ray's own searchers are not used: they tell Optuna that an early-stopped trial is complete, leave a diverged one running
for ever, and cannot go on after a kill.
"""

from __future__ import annotations

from typing import Any

from ray.tune.search import Searcher

from search.handout import Handout
from search.leaving import Leaving
from search.optuna_log import OptunaLog
from search.progress import Progress


class RecordSearcher(Searcher):
    """Gives Tune at most `max_concurrent` trials at a time, and none any more once the study is being left."""

    def __init__(
        self,
        handout: Handout,
        leaving: Leaving,
        progress: Progress,
        log: OptunaLog,
        generation: int,
        max_concurrent: int,
    ) -> None:
        super().__init__(metric="val_accuracy", mode="max")
        self._handout, self._leaving = handout, leaving
        self._progress, self._log = progress, log
        self._generation = generation
        self._most = max_concurrent
        self._ours: dict[str, str] = {}

    def suggest(self, trial_id: str) -> Any:
        """Ray's configuration of the next trial, None to wait, or FINISHED."""
        if self._leaving:
            return str(Searcher.FINISHED)
        if len(self._handout.live) >= self._most:
            return None
        trial = self._handout.next()
        self._show_notes()
        if trial == "wait":
            return None
        if trial == "done":
            return str(Searcher.FINISHED)
        self._ours[trial_id] = trial.id
        self._progress.started(trial)
        return {
            "run": str(self._handout.ledger.run.path),
            "folder": str(trial.folder),
            "generation": self._generation,
            "retry_failed": self._handout.retry_failed,
        }

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        ours = self._ours.pop(trial_id, None)
        if ours is None:
            return
        trial = self._handout.take_back(ours, crashed=error)
        self._progress.left(trial)
        self._show_notes()
        self._log.refresh()
        if self._handout.fatal is not None:
            self._leaving.ask("the same failure again and again")

    def _show_notes(self) -> None:
        while self._handout.notes:
            self._progress.say(self._handout.notes.pop(0))

    def save(self, checkpoint_path: str) -> None:
        """Nothing to save: the records hold everything."""

    def restore(self, checkpoint_path: str) -> None:
        raise NotImplementedError("a run goes on from its records, not from Ray's files")

    def save_to_dir(self, checkpoint_dir: str, session_str: str = "default") -> None:
        """Nothing to save: the records hold everything."""

    def __getstate__(self) -> dict[str, Any]:
        """Tune pickles its whole configuration as it starts; what this holds stays in the driver."""
        return {}
