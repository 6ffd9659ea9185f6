"""MLflow: the study is an experiment, a trial a run with arm, phase and seed among its tags."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from search.study.beside.logging_section import MlflowConfig
from search.trackers.base import Introduction, Place, TrackedTrial, Tracker, text_of
from search.trackers.rows import Row
from trainables.tensorboard.tags import EPOCH_TAGS, Scalar

KEY_TAG = "prunetune.key"
STATUS_TAG = "prunetune.status"
IN_EVERY_ROW = EPOCH_TAGS["state"]
ENDINGS = {"finished": "FINISHED", "stopped": "KILLED", "diverged": "FAILED", "failed": "FAILED"}
METRICS_AT_ONCE, PARAMETERS_AT_ONCE = 1000, 100
"""What MLflow takes in one request."""
LONGEST_PARAMETER = 6000
PATIENCE = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "10", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}
"""A server that does not answer is tried again later, by us; MLflow's own patience is 12 minutes."""


class MlflowTracker(Tracker):
    has_at_once = True

    def __init__(self, settings: MlflowConfig, place: Place) -> None:
        for name, value in PATIENCE.items():
            os.environ.setdefault(name, value)
        from mlflow import MlflowClient

        self._client = MlflowClient(tracking_uri=tracking_uri(settings, place))
        self._name, self._experiment = settings.experiment or place.study, ""

    def introduce(self, trial: Introduction, known: str | None) -> TrackedTrial:
        """A run that was made, and whose id was not noted before a kill, is found by its key."""
        run = known if known and self._is_there(known) else self._found(trial.key)
        if run is not None:
            self._client.update_run(run, status="RUNNING")
            found = _MlflowRun(self._client, run)
            if not found.known:  # it may have been left between being made and being described
                self._describe(run, trial)
            return found
        tags = {f"prunetune.{name}": value for name, value in trial.tags.items()} | {KEY_TAG: trial.key}
        began = _milliseconds(trial.began)
        made = self._client.create_run(self._experiment_id(), start_time=began, tags=tags, run_name=trial.id)
        self._describe(made.info.run_id, trial)
        return _MlflowRun(self._client, made.info.run_id)

    def _describe(self, run: str, trial: Introduction) -> None:
        """Its parameters; the same again changes nothing."""
        for some in _pieces(_parameters(trial.parameters), PARAMETERS_AT_ONCE):
            self._client.log_batch(run, params=some)

    def _is_there(self, run: str) -> bool:
        """False for one that somebody has deleted."""
        from mlflow.exceptions import MlflowException

        try:
            return bool(self._client.get_run(run).info.lifecycle_stage == "active")
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return False
            raise

    def _found(self, key: str) -> str | None:
        found = self._client.search_runs([self._experiment_id()], f"tags.`{KEY_TAG}` = '{key}'", max_results=1)
        return found[0].info.run_id if found else None

    def _experiment_id(self) -> str:
        if not self._experiment:
            from mlflow.exceptions import MlflowException

            there = self._client.get_experiment_by_name(self._name)
            if there is None:
                try:
                    self._experiment = self._client.create_experiment(self._name)
                except MlflowException as error:
                    if error.error_code != "RESOURCE_ALREADY_EXISTS":
                        raise
                    there = self._client.get_experiment_by_name(self._name)  # another process was first
            if there is not None:
                self._experiment = there.experiment_id
        return self._experiment


class _MlflowRun(TrackedTrial):
    def __init__(self, client: Any, run: str) -> None:
        self._client, self.id = client, run
        steps = [metric.step for metric in client.get_metric_history(run, IN_EVERY_ROW)]
        self.known = max(steps, default=0)

    def send(self, rows: Sequence[Row]) -> None:
        for row in rows:
            self._log(row.scalars, row.at)

    def end(self, status: str, final: Sequence[Scalar], at: float) -> None:
        self._log(final, at)
        self._client.set_tag(self.id, STATUS_TAG, status)
        self._client.set_terminated(self.id, ENDINGS[status], end_time=_milliseconds(at))

    def leave(self, at: float) -> None:
        self._client.set_tag(self.id, STATUS_TAG, "interrupted")
        self._client.set_terminated(self.id, "KILLED", end_time=_milliseconds(at))

    def _log(self, scalars: Iterable[Scalar], at: float) -> None:
        from mlflow.entities import Metric

        then = _milliseconds(at)
        # Those that every row has come last: where they are there, the whole row is.
        ordered = sorted(scalars, key=lambda one: one.tag == IN_EVERY_ROW)
        for some in _pieces([Metric(one.tag, float(one.value), then, one.step) for one in ordered], METRICS_AT_ONCE):
            self._client.log_batch(self.id, metrics=some)


def tracking_uri(settings: MlflowConfig, place: Place) -> str:
    """Where MLflow's runs go: a server, or a database in the run's folder."""
    return settings.server or f"sqlite:///{place.folder / 'mlflow.db'}"


def _parameters(values: Mapping[str, Any]) -> list[Any]:
    from mlflow.entities import Param

    return [Param(key, text_of(value)[:LONGEST_PARAMETER]) for key, value in values.items()]


def _milliseconds(seconds: float) -> int:
    return int(1000 * seconds)


def _pieces(values: Iterable[Any], most: int) -> Iterator[list[Any]]:
    left = iter(values)
    while some := list(islice(left, most)):
        yield some
