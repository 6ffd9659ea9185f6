"""Comet: the study is a project, a trial an experiment with arm, phase and seed among its tags."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from models import writes
from search.study.beside.logging_section import CometConfig
from search.trackers.base import Introduction, Place, TrackedTrial, Tracker, text_of
from search.trackers.rows import Row
from trainables.tensorboard.tags import EPOCH_TAGS, Scalar

KEY_DIGITS = 32
SECONDS_TO_SEND = 20
EMPTY_ARCHIVE = 22
"""Bytes of a ZIP file that holds nothing."""
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
        self._offline = settings.is_offline
        if self._offline:
            self._folder.mkdir(parents=True, exist_ok=True)
            for left in filter(is_empty, archives(self._folder)):  # by a process that was killed
                writes.unlink(left)

    def introduce(self, trial: Introduction, known: str | None) -> TrackedTrial:
        import comet_ml

        key = known or hashlib.sha256(trial.key.encode()).hexdigest()[:KEY_DIGITS]
        steps = None if self._offline else self._steps(key)
        goes_on = known is not None if self._offline else steps is not None
        kinds = {
            (True, False): comet_ml.OfflineExperiment,
            (True, True): comet_ml.ExistingOfflineExperiment,
            (False, False): comet_ml.Experiment,
            (False, True): comet_ml.ExistingExperiment,
        }
        asked: dict[str, Any] = {"experiment_key": key, "workspace": self._settings.workspace, **NOTHING_BY_ITSELF}
        if self._offline:
            asked["offline_directory"] = str(self._folder)
        if self._offline or not goes_on:
            asked["project_name"] = self._settings.project or self._study
        experiment = kinds[self._offline, goes_on](**asked)
        _side_by_side()
        if not experiment.alive:
            raise ConnectionError("Comet does not answer, or refuses the API key")
        if not goes_on or steps == []:
            experiment.set_name(trial.id)
            experiment.add_tags([f"{name}: {value}" for name, value in trial.tags.items()])
            experiment.log_parameters({name: text_of(value) for name, value in trial.parameters.items()})
        latest = None if self._offline else max(steps or (), default=0)
        return _CometExperiment(experiment, key, latest, self._folder if self._offline else None)

    def _steps(self, key: str) -> list[int] | None:
        """The epochs that Comet has of an experiment; None where it does not know it."""
        import comet_ml

        api: Any = comet_ml.API  # without annotations
        found = api(cache=False).get_experiment_by_key(key)
        if found is None:
            return None
        return [int(one["step"]) for one in found.get_metrics(IN_EVERY_ROW) or () if one["step"] is not None]


class _CometExperiment(TrackedTrial):
    def __init__(self, experiment: Any, key: str, known: int | None, archives: Path | None) -> None:
        """`archives`: the folder that gets what is told when the trial is let go; None where a server does."""
        self._experiment, self.id, self.known, self._archives = experiment, key, known, archives

    def send(self, rows: Sequence[Row]) -> None:
        for row in rows:
            self._log(row.scalars)

    def end(self, status: str, final: Sequence[Scalar], at: float) -> None:
        self._log(final)
        self._close(status)

    def leave(self, at: float) -> None:
        self._close("interrupted")

    def forget(self) -> None:
        before = self._written()
        self._experiment.clean()
        for partial in self._written() - before:
            writes.unlink(partial)

    def _log(self, scalars: Sequence[Scalar]) -> None:
        for one in scalars:
            self._experiment.log_metric(one.tag, one.value, step=one.step)

    def _close(self, status: str) -> None:
        before = self._written()
        self._experiment.log_other("status", status)
        sent = self._experiment.flush(timeout=SECONDS_TO_SEND)
        # Of one that has ended, Comet takes what it is told without a word, and drops it.
        alive = self._experiment.alive
        self._experiment.end()
        if not sent:
            raise ConnectionError(f"Comet has not taken all that was sent within {SECONDS_TO_SEND} seconds")
        if not alive:
            raise ConnectionError("Comet had ended the experiment before all was sent")
        if self._archives is not None and self._written() == before:
            raise OSError(f"Comet has written no archive into {self._archives}")

    def _written(self) -> set[Path]:
        return set() if self._archives is None else {path for path in archives(self._archives) if not is_empty(path)}


def _side_by_side() -> None:
    """Let the experiment that has just been made be none that Comet knows as this process's: it ends that one when another
    is made, and drops without a word what is told of it afterwards."""
    config: Any = import_module("comet_ml.config")  # it exports nothing by name
    config.set_global_experiment(None)


def archives(folder: Path) -> Iterator[Path]:
    return folder.glob("*.zip")


def is_empty(archive: Path) -> bool:
    """Whether it has been begun only: Comet makes it at the start, and fills it at the end."""
    return archive.stat().st_size <= EMPTY_ARCHIVE
