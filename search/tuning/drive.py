"""Driving a study: a new Tuner at every launch, first, resumed or grown; all that is known comes from the records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from models.errors import WorkFailed
from search.run import manifest
from search.run.changing.begun import as_begun, former_defaults_lines
from search.run.driving.hold import Hold
from search.run.files.everything import check_launch_files
from search.run.folder import RunFolder
from search.run.plan import plan_of
from search.run.possible import found_weights, foundations
from search.run.possible.cluster_address import cluster_address
from search.run.possible.machine import check_devices
from search.run.preflight import Checked, check_study
from search.run.results import RunResults, load_results, still_outstanding, with_found_recipes
from search.run.retention import apply_retention, drop_own_stages
from search.run.store import TrialStore
from search.study.study import Study
from search.trackers.process import told_to_trackers
from search.tuning.callbacks.telling import CallbackTeller
from search.tuning.cluster.background import BackgroundRay
from search.tuning.cluster.capacity import Capacity, ClusterCapacity
from search.tuning.cluster.nodes import check_nodes
from search.tuning.cluster.resources import share_of
from search.tuning.cluster.session import joined_address
from search.tuning.dense_search import search_dense_recipes
from search.tuning.driver_log import DriverLog
from search.tuning.elastic import elastic_capacity
from search.tuning.gpu_memory.gpu_room import GpuRoom
from search.tuning.gpu_memory.measuring import measure
from search.tuning.gpu_memory.room import share_with_room
from search.tuning.own.checks import check_own_search
from search.tuning.own.origins import changed_parts, search_parts
from search.tuning.progress import Progress
from search.tuning.proposals.optuna_log import write_optuna_log
from search.tuning.proposals.optuna_studies import warm_trials
from search.tuning.stop_request import StopRequest, signals_restored, terminated_like_interrupted
from search.tuning.trial_queue import TrialQueue
from trainables.files.generation import read_generation

OF_LAUNCH = ("time_budget", "max_concurrent", "address", "stages", "share")
"""Keys of `resources` that a command line may replace for one launch."""


@dataclass(frozen=True)
class Launch:
    """How to drive a run this time; nothing here changes what the trials are.

    `time_budget` in seconds, `max_concurrent`, `address`, `stages` and `share` replace the study's own. `take_over` is as of
    `RunFolder.held`. `checked` is what a check of this study has just found, and `ray` a session for it that has begun: the
    launch makes its own without them.
    """

    time_budget: float | None = None
    max_concurrent: int | None = None
    address: str | None = None
    stages: Path | None = None
    share: bool | None = None
    retry_failed: bool = False
    take_over: bool = False
    command: Sequence[str] = field(default_factory=manifest.command_line)
    checked: Checked | None = None
    ray: BackgroundRay | None = None


@dataclass(frozen=True)
class Drive:
    """How a launch ended. `left` is why it was left before the study was complete, None where it is complete."""

    results: RunResults
    left: str | None
    interrupted: bool
    was_complete: bool = False
    """There was nothing to run."""


def run_study(
    study: Study,
    run: RunFolder,
    launch: Launch | None = None,
    *,
    trainable_class: type[Any] | None = None,
    check: Callable[[Study], Checked] | None = None,
) -> Drive:
    """Run what is still to be run of a study, under the run's lock.

    `trainable_class` is what Ray runs (default: TuneTrainable), `check` is done before any trial (default: `check_study`).
    WeightsRefused or UserError before any trial starts; WorkFailed when the same failure repeats, or another
    process takes the run over.
    """
    launch = Launch() if launch is None else launch
    study = study.with_resources(**{name: getattr(launch, name) for name in OF_LAUNCH})
    with run.held(take_over=launch.take_over) as hold:
        run.update()  # another process may have driven it until now
        check_launch_files(run)
        hold.knows(read_generation(run.path))
        manifest.check_same_study(run, study)
        store = TrialStore(run)
        study = found_weights.with_weights_of(run, as_begun(with_found_recipes(run, study), store), store)
        # All that is there has been read: a damaged run is left as it is.
        generation = hold.launch(partial(run.begin_launch, store.newest_generation()))
        store.guard = run.fence(generation)
        if study.search.state0 is not None:  # whose trials begin before the study's own are checked
            found_weights.note(run, study)
        run.publish()
        with DriverLog(run.path, generation, launch.command) as log, told_to_trackers(study.logging, run, log.announce):
            hold.when_lost(log.end)
            ending = _launch(study, run, store, launch, hold, log, trainable_class, check)
            log.say("the run is complete" if ending.left is None else f"left: {ending.left}")
        run.publish()
    return Drive(load_results(run.path), ending.left, ending.interrupted, ending.was_complete)


@dataclass(frozen=True)
class _Ending:
    """As in `Drive`, whose results are read once nobody drives the run any more."""

    left: str | None
    interrupted: bool = False
    was_complete: bool = False


def _launch(
    study: Study,
    run: RunFolder,
    store: TrialStore,
    launch: Launch,
    hold: Hold,
    log: DriverLog,
    trainable_class: type[Any] | None,
    check: Callable[[Study], Checked] | None,
) -> _Ending:
    apply_retention(study, store)  # an earlier launch may have been killed between a trial's end and this
    retried = sum(trial.status == "failed" for trial in store) if launch.retry_failed else 0
    outstanding = still_outstanding(run, study, store) + retried
    if outstanding == 0:
        write_optuna_log(study, store)
        CallbackTeller(study, store, log.announce, log.say).study_ends()  # a killed launch may not have told it
        if (killed := manifest.unclosed(run)) is not None:
            drop_own_stages(study, run)
            manifest.close_launch(run, killed, "complete")
        return _Ending(None, was_complete=True)
    with launch.ray or BackgroundRay(study.resources, outstanding, load_trials=trainable_class is None) as ray:
        ray.begin()
        dense = search_dense_recipes(
            study, run, launch, ray, partial(run_study, trainable_class=trainable_class, check=check)
        )
        hold.check()
        if dense.left is not None:
            return _Ending(dense.left.left, dense.left.interrupted)
        study = dense.study
        own_warnings, checked = check_own_search(study), launch.checked
        if checked is None:
            log.announce("checking data, networks and initial weights")
            with terminated_like_interrupted():
                checked = check_study(study, begun=any(store)) if check is None else check(study)
        hold.check()
        generation = store.guard.generation
        foundations.check_starting_points(run, checked.starting_points)
        found_weights.note(run, study)
        parts = search_parts(study)
        own_warnings += changed_parts(run, parts)
        about = {**manifest.machine(), **parts}
        manifest.write_launch(run, generation, checked.starting_points, about, launch.command, study)
        stop_request = StopRequest(study.resources.time_budget)
        hold.when_lost(stop_request.ask)
        queue = TrialQueue(study, store, warm_trials(study), retry_failed=launch.retry_failed, log=log.say)
        queue.notes += own_warnings
        queue.callbacks.prepare()
        try:
            with signals_restored():
                stop_request.catch_signals()
                _drive(queue, stop_request, checked, ray, log, trainable_class)
        except Exception:
            hold.check()  # where it is another's by now, what may not be written any more fails in many ways
            raise
        finally:
            if not hold.lost():
                write_optuna_log(study, store)
                left = (stop_request.reason or "an error") if still_outstanding(run, study, store) else None
                if left is None:
                    drop_own_stages(study, run)  # before it is noted as complete: nothing is left to be done then
                manifest.close_launch(run, generation, left or "complete")
        hold.check()
    apply_retention(study, store)
    if left is None:
        queue.callbacks.study_ends()
        for note in queue.notes:
            log.announce(note)
    _raise_what_ended_it(queue)
    return _Ending(left, stop_request.interrupted)


def _raise_what_ended_it(queue: TrialQueue) -> None:
    run = queue.store.run.address
    if queue.fatal is not None:
        raise WorkFailed(
            f"{run}: stopped after the same failure three times in a row: {queue.fatal}; "
            f"mend it, then `prunetune resume {run} --retry-failed`"
        )
    if queue.leave is not None:
        raise WorkFailed(
            f"{run}: left: {queue.leave}; nothing recorded is lost: after that `prunetune resume {run}` goes on"
        )


def _warnings(study: Study, checked: Checked) -> list[str]:
    plans = plan_of(study)
    searched = max(plan.configurations for plan in plans)
    single = [plan.arm for plan in plans if searched > 1 and not study.arms[plan.arm].parameters]
    lines = [f"{arm}: nothing to search in this arm, so it runs a single configuration" for arm in single]
    return [*former_defaults_lines(study), *found_weights.found_lines(study), *checked.warnings, *lines]


def _drive(
    queue: TrialQueue,
    stop_request: StopRequest,
    checked: Checked,
    ray: BackgroundRay,
    log: DriverLog,
    trainable_class: type[Any] | None,
) -> None:
    study, resources, stop = queue.study, queue.study.resources, partial(bool, stop_request)
    with Progress(study, queue.store, heard=log.say) as progress:
        for line in _warnings(study, checked):
            progress.say(line)
        cluster = cluster_address(resources)
        progress.stage("starting Ray" if cluster is None else f"joining Ray at {cluster.address} ({cluster.named_by})")
        with ray:
            from search.tuning.ray_tune import ActiveLaunch, fit  # takes a moment, in which Ray goes on starting

            nodes = ray.nodes()
            share = share_of(resources, nodes)
            check_devices(study, share.gpus)
            checked_nodes = nodes
            if cluster is not None:
                progress.say(f"joined the Ray cluster at {joined_address()}, which {cluster.named_by} names")
                progress.stage(f"checking {len(nodes)} nodes: code, versions, weights, data, the run's folder")
                checked_nodes = check_nodes(queue.store.run, nodes, checked.starting_points, share.cpus, stop)
            if trainable_class is None and not stop_request:
                share = share_with_room(study, nodes, share, progress, partial(measure, stop=stop))
            if stop_request:
                return
            queue.after_loss.room = room = GpuRoom(share.gpus)
            capacity: Capacity | ClusterCapacity = Capacity(share, room, nodes)
            if cluster is not None:
                capacity = elastic_capacity(queue, share, room, checked_nodes, checked, progress)
            progress.say(f"{capacity.trials()} trials at once, each with {share.cpus} CPU and {share.gpus:g} GPU")
            progress.stage("loading the trials' processes")
            queue.callbacks.study_starts()
            try:
                fit(ActiveLaunch(queue, stop_request, progress, capacity), trainable_class)
            finally:
                capacity.leave()
