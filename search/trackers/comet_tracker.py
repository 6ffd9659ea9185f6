"""Comet: the study is a project, a trial an experiment with arm, phase and seed among its tags."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from typing import Any

from search.study.beside.logging_section import CometConfig
from search.trackers.base import Introduction, Place, TrackedTrial, Tracker, text_of
from search.trackers.rows import Row
from trainables.tensorboard.tags import EPOCH_TAGS, Scalar

KEY_DIGITS = 32
SECONDS_TO_SEND = 20
IN_EVERY_ROW = EPOCH_TAGS["state"]
# What Comet gathers of a process and its machine would be of the one that sends, not of the trial.
NOTHING_BY_ITSELF = {
    "log_code": False,
    "log_graph": False,
    "auto_param_logging": False,
    "auto_metric_logging": False,
    "parse_args": False,
    "auto_output_logging": False,
    "log_env_details": False,
    "log_git_metadata": False,
    "log_git_patch": False,
    "display_summary_level": 0,
}


class CometTracker(Tracker):
    has_at_once = False

    def __init__(self, settings: CometConfig, place: Place) -> None:
        os.environ.setdefault("COMET_LOGGING_CONSOLE", "error")
        os.environ.setdefault("COMET_DISABLE_ANNOUNCEMENT", "1")
        self._settings, self._study, self._folder = settings, place.study, place.folder / "comet"
        self._offline = is_offline(settings)

    def introduce(self, trial: Introduction, known: str | None) -> TrackedTrial:
        import comet_ml

        key = known or hashlib.sha256(trial.key.encode()).hexdigest()[:KEY_DIGITS]
        steps = None if self._offline else self._steps(key)
        goes_on = known is not None if steps is None else bool(steps)
        kinds = {
            (True, False): comet_ml.OfflineExperiment,
            (True, True): comet_ml.ExistingOfflineExperiment,
            (False, False): comet_ml.Experiment,
            (False, True): comet_ml.ExistingExperiment,
        }
        asked: dict[str, Any] = {"experiment_key": key, "workspace": self._settings.workspace, **NOTHING_BY_ITSELF}
        if self._offline:
            self._folder.mkdir(parents=True, exist_ok=True)
            asked["offline_directory"] = str(self._folder)
        if self._offline or not goes_on:
            asked["project_name"] = self._settings.project or self._study
        experiment = kinds[self._offline, goes_on](**asked)
        if not experiment.alive:
            raise ConnectionError("Comet does not answer, or refuses the API key")
        if not goes_on:
            experiment.set_name(trial.id)
            experiment.add_tags([f"{name}: {value}" for name, value in trial.tags.items()])
            experiment.log_parameters({name: text_of(value) for name, value in trial.parameters.items()})
        return _CometExperiment(experiment, key, None if steps is None else max(steps, default=0))

    def _steps(self, key: str) -> list[int]:
        """The epochs that Comet has of an experiment; none where it does not know it."""
        import comet_ml

        api: Any = comet_ml.API  # without annotations
        found = api(cache=False).get_experiment_by_key(key)
        metrics = found.get_metrics(IN_EVERY_ROW) if found is not None else None
        return [int(one["step"]) for one in metrics or () if one["step"] is not None]


class _CometExperiment(TrackedTrial):
    def __init__(self, experiment: Any, key: str, known: int | None) -> None:
        self._experiment, self.id, self.known = experiment, key, known

    def send(self, rows: Sequence[Row]) -> None:
        for row in rows:
            self._log(row.scalars)

    def end(self, status: str, final: Sequence[Scalar]) -> None:
        self._log(final)
        self._close(status)

    def leave(self) -> None:
        self._close("interrupted")

    def _log(self, scalars: Sequence[Scalar]) -> None:
        for one in scalars:
            self._experiment.log_metric(one.tag, one.value, step=one.step)

    def _close(self, status: str) -> None:
        self._experiment.log_other("status", status)
        sent = self._experiment.flush(timeout=SECONDS_TO_SEND)
        self._experiment.end()
        if not sent:
            raise ConnectionError(f"Comet has not taken all that was sent within {SECONDS_TO_SEND} seconds")


def is_offline(settings: CometConfig) -> bool:
    if settings.mode is not None:
        return settings.mode == "offline"
    return os.environ.get("COMET_OFFLINE", "").lower() in ("1", "true", "yes")
