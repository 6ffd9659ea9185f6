"""What Tune tells the driver besides searching and stopping: that it has started, and each result."""

from __future__ import annotations

from typing import Any

from ray import tune

from search.leaving import Leaving
from search.progress import Progress


class Watch(tune.Callback):
    """Shows every result, and takes the signals back that Tune has just taken."""

    def __init__(self, leaving: Leaving, progress: Progress) -> None:
        self._leaving, self._progress = leaving, progress

    def setup(
        self, stop: Any = None, num_samples: int | None = None, total_num_samples: int | None = None, **info: Any
    ) -> None:
        self._leaving.catch_signals()

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        self._progress.epoch(result)

    def __getstate__(self) -> dict[str, Any]:
        """Tune pickles its whole configuration as it starts; what this holds stays in the driver."""
        return {}
