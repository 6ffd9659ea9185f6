"""Ray's part of a launch, played by one process that is forked for the trials, so that it can be killed at any point.

Queue, searcher, scheduler and Ray's adapter of a trial are the real ones; what Ray says of a lost process is said here.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from types import SimpleNamespace
from typing import Any, Self

from ray.exceptions import RayTaskError
from ray.tune.search import Searcher

from search.tuning.cluster.resources import Node
from search.tuning.losses.loss import TOLD, Loss, loss_by
from search.tuning.ray_tune import ActiveLaunch, RecordSearcher, StateEndScheduler
from tests.faults.points import Watcher
from trainables.tune_trainable import TuneTrainable


class NoRay:
    """In the place of `BackgroundRay`."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        """Nothing is started."""

    def begin(self) -> None:
        """Nothing is started."""

    def nodes(self) -> tuple[Node, ...]:
        return (Node(1.0),)

    @contextmanager
    def lent(self) -> Iterator[None]:
        yield

    def give_up(self) -> None:
        """Nothing was started."""

    def close(self) -> None:
        """Nothing was started."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing was started."""


@dataclass
class Worker:
    """A process for trials, and this end of the pipe to it."""

    process: int
    pipe: Connection

    @classmethod
    def forked(cls, watcher: Watcher) -> Worker:
        ours, theirs = Pipe()
        process = os.fork()
        if process == 0:
            ours.close()
            watcher.by = "trial"
            _serve(theirs)
        theirs.close()
        return cls(process, ours)

    def ask(self, config: dict[str, Any] | None) -> Any:
        """Begin a trial, or take another step of the present one; EOFError where the process has died."""
        try:
            self.pipe.send(config)
        except BrokenPipeError as error:
            raise EOFError from error
        return self.pipe.recv()

    def end(self) -> None:
        self.pipe.close()
        os.waitpid(self.process, 0)


def _serve(pipe: Connection) -> None:
    """The worker's side, until the driver has gone."""
    trainable: TuneTrainable | None = None
    try:
        while True:
            config = pipe.recv()
            if trainable is None:
                trainable = TuneTrainable(config)
            elif config is not None:
                trainable.reset_config(config)
            try:
                pipe.send(trainable.step())
            except (EOFError, BrokenPipeError):
                raise
            except Exception as error:
                said = traceback.format_exc()
                pipe.send((error, said))
    except (EOFError, ConnectionError):
        if trainable is not None:
            trainable.cleanup()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(0)


def fit_in(watcher: Watcher) -> Any:
    """What takes the place of `search.tuning.ray_tune.fit`."""

    def fit(launch: ActiveLaunch, trainable_class: type[Any] | None = None) -> None:
        searcher, scheduler = RecordSearcher(launch), StateEndScheduler(launch)
        worker: Worker | None = None
        try:
            for number in range(1000):
                name = f"ray-{number}"
                config = searcher.suggest(name)
                assert config is not None, "one trial at a time waits for none"
                if config == Searcher.FINISHED:
                    return
                worker = worker or Worker.forked(watcher)
                watcher.worker = worker.process
                if not _run(launch, scheduler, searcher, worker, name, config):
                    worker.end()
                    worker = watcher.worker = None
        finally:
            if worker is not None:
                worker.end()
                watcher.worker = None

    return fit


def _run(
    launch: ActiveLaunch, scheduler: Any, searcher: RecordSearcher, worker: Worker, name: str, config: dict[str, Any]
) -> bool:
    """One trial, until it leaves its process; whether that lives on."""
    asked: dict[str, Any] | None = config
    while True:
        try:
            result = worker.ask(asked)
        except EOFError:
            launch.losses[name] = Loss("process", TOLD["process"], "killed")
            searcher.on_trial_complete(name, error=True)
            return False
        if isinstance(result, tuple):
            error, said = result
            launch.losses[name] = loss_by(RayTaskError("step", said, error), said)
            searcher.on_trial_complete(name, error=True)
            return False
        asked = None
        launch.progress.epoch(result)
        decision = scheduler.on_trial_result(SimpleNamespace(), SimpleNamespace(), result)
        if result["done"] or decision == "STOP":
            searcher.on_trial_complete(name, result)
            return True
