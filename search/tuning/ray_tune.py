"""Ray Tune's side: its searcher, its scheduler and its callback, each of which asks ours and decides nothing."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass, field
from typing import Any

from ray import tune
from ray.tune.execution import class_cache
from ray.tune.progress_reporter import TrialProgressCallback
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from search.run.possible.cluster_address import cluster_address
from search.tuning.cluster.capacity import Capacity, ClusterCapacity, placement
from search.tuning.cluster.session import SESSION_PREFIX
from search.tuning.losses.loss import TOLD, Loss, loss_of
from search.tuning.progress import Progress
from search.tuning.proposals.optuna_log import OptunaLog
from search.tuning.stop_request import StopRequest
from search.tuning.trial_queue import TrialQueue
from trainables.files.remote.address import bucket_of
from trainables.tune_trainable import TuneTrainable

PENDING_AT_MOST = 1000


@dataclass(frozen=True)
class ActiveLaunch:
    """What Tune's searcher, scheduler and callback ask."""

    queue: TrialQueue
    stop_request: StopRequest
    progress: Progress
    capacity: Capacity | ClusterCapacity
    ours: dict[str, str] = field(default_factory=dict)
    """Tune's name of a trial → ours, while Tune has it."""
    losses: dict[str, Loss] = field(default_factory=dict)
    """By Tune's name of a trial, what became of it, until the queue has been told."""

    def heed(self) -> None:
        """Leave the study where the queue says so."""
        if self.queue.fatal is not None:
            self.stop_request.ask("the same failure again and again")
        if self.queue.leave is not None:
            self.stop_request.ask(self.queue.leave)


def fit(launch: ActiveLaunch, trainable_class: type[Any] | None = None) -> None:
    """Run the queue's trials until it is empty or the launch is to be left. `trainable_class`: TuneTrainable by default."""
    # The searcher hands out no more than fit; how many may wait for their process is not Tune's to decide as it starts.
    os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(PENDING_AT_MOST)
    if cluster_address(launch.queue.study.resources) is None:
        take_processes_that_are_ready()
    trainable = tune.with_resources(trainable_class or TuneTrainable, placement)
    tune_config = tune.TuneConfig(
        search_alg=RecordSearcher(launch), scheduler=StateEndScheduler(launch), num_samples=-1, reuse_actors=True
    )
    prefix = f"{SESSION_PREFIX}{os.getpid()}-tune-"
    with tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as storage:
        run_config = tune.RunConfig(
            name="tune",
            storage_path=storage,
            verbose=0,
            callbacks=[Watch(launch), Silent()],
            failure_config=tune.FailureConfig(max_failures=0),
            checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=0, checkpoint_at_end=False),
        )
        tune.Tuner(trainable, tune_config=tune_config, run_config=run_config).fit()


def take_processes_that_are_ready() -> None:
    """Tune gives its trials environment variables, which a process can be given only as it starts; in a session of ours all
    have them already, and without them a trial takes a process that has started and loaded what it needs."""
    class_cache.DEFAULT_ENV_VARS = {}
    class_cache.ENV_VARS_TO_PROPAGATE = set()


class StaysInDriver:
    """Tune pickles its whole configuration as it starts; what these hold stays in the driver."""

    def __getstate__(self) -> dict[str, Any]:
        return {}


class RecordSearcher(StaysInDriver, Searcher):
    """Gives Tune at most as many trials at a time as fit now, and none any more once the study is being left."""

    def __init__(self, launch: ActiveLaunch) -> None:
        super().__init__(metric="val_accuracy", mode="max")
        self._launch, self._queue, self._progress = launch, launch.queue, launch.progress
        self._log = OptunaLog(launch.queue.study, launch.queue.store)
        study = self._queue.study
        folder = self._queue.store.run.stages_folder(study.resources)
        self._bucket = bucket_of(self._queue.store.run.path)
        kept = study.resources.stages_gigabytes, study.rewind_epochs
        self._stages = None if folder is None else (str(folder), *kept)

    def suggest(self, trial_id: str) -> Any:
        """Ray's configuration of the next trial, None to wait, or FINISHED."""
        if self._launch.stop_request:
            return str(Searcher.FINISHED)
        if not self._launch.capacity.has_room(len(self._queue.live)):
            return None
        trial = self._queue.next()
        self._show_notes()
        self._launch.heed()
        if trial == "wait":
            return None
        if trial == "done":
            return str(Searcher.FINISHED)
        self._launch.ours[trial_id] = trial.id
        self._progress.started(trial)
        return {
            "run": str(self._queue.store.run.path),
            "folder": str(trial.folder),
            "generation": self._queue.store.guard.generation,
            "retry_failed": self._queue.retry_failed,
            "stages": self._stages,
            "bucket": self._bucket,
            "checkpoint_seconds": self._queue.study.resources.checkpoint_seconds,
            "checkpoint_steps": self._queue.study.resources.checkpoint_steps,
            "events": self._queue.study.logging.tensorboard,
            **self._launch.capacity.request(trial.id),
        }

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        ours = self._launch.ours.pop(trial_id, None)
        if ours is None:
            return
        self._launch.capacity.heard_of(ours)
        if result is None and not error:
            self._progress.left(self._queue.withdraw(ours))
            return
        if error:
            self._launch.capacity.look_again()
        # Tune tells its scheduler of an error first, with all that it knows.
        loss = self._launch.losses.pop(trial_id, Loss("process", TOLD["process"])) if error else None
        if result is not None and result.get("status") == "gpu_memory":
            loss = Loss("gpu_memory", TOLD["gpu_memory"], result["error"])
        self._progress.left(self._queue.give_back(ours, loss))
        self._show_notes()
        self._log.refresh()
        self._launch.heed()

    def _show_notes(self) -> None:
        while self._queue.notes:
            self._progress.say(self._queue.notes.pop(0))

    def save(self, checkpoint_path: str) -> None:
        """Nothing to save: the records hold everything, and a run goes on from them."""

    def restore(self, checkpoint_path: str) -> None:
        raise NotImplementedError("a run goes on from its records, not from Ray's files")


class StateEndScheduler(StaysInDriver, FIFOScheduler):
    """Stops a trial only at the end of a state, by the records, after writing so into its record.

    The trial is idle between two results, so the driver may write.
    """

    _supports_buffered_results = False

    def __init__(self, launch: ActiveLaunch) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Ray's scheduler has no annotations
        self._launch = launch

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        judged = result.get("state_ended") and self._launch.queue.judge(result["id"]) is not None
        self._launch.heed()
        return str(TrialScheduler.STOP if judged or self._launch.stop_request else TrialScheduler.CONTINUE)

    def choose_trial_to_run(self, tune_controller: Any) -> Any:
        """Tune asks in every loop, and waits for a trial that has no process yet for ever: one that is not to begin any more,
        or cannot, is taken back here."""
        waiting = {one.trial_id: one for one in tune_controller.get_live_trials() if one.status == one.PENDING}
        for name, ours in list(self._launch.ours.items()) if waiting else ():
            stuck = name in waiting and self._launch.capacity.is_stuck(ours)
            if stuck:
                self._launch.progress.say(f"{ours}: it waited for a machine that has gone; it is handed out again")
            if stuck or (name in waiting and self._launch.stop_request):
                withdraw(tune_controller, waiting[name])
        return super().choose_trial_to_run(tune_controller)

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        self._launch.losses[trial.trial_id] = loss_of(trial)
        super().on_trial_error(tune_controller, trial)


def withdraw(tune_controller: Any, trial: Any) -> None:
    """Take a trial back that has no process of its own yet; its request for one ends with it."""
    controller = tune_controller._tune_controller  # Tune hands schedulers a wrapper that lacks what follows
    if trial in controller._resetting_trials:
        return  # it has just been given a process, and begins
    if trial in controller._staged_trials:
        # Tune forgets this where a trial is stopped before it runs, and would keep a process that is done for it.
        controller._unstage_trial_with_resources(trial)
    controller.stop_trial(trial)


class Silent(TrialProgressCallback):
    """In place of Tune's own, which prints a line for a trial that is taken back, however silent Tune is to be."""

    def _print(self, msg: str) -> None:
        pass


class Watch(StaysInDriver, tune.Callback):
    """Shows every result, and takes the signals back that Tune has just taken."""

    def __init__(self, launch: ActiveLaunch) -> None:
        self._launch = launch

    def setup(self, *arguments: Any, **info: Any) -> None:
        self._launch.stop_request.catch_signals()

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        self._launch.capacity.heard_of(result["id"])
        self._launch.progress.epoch(result)
