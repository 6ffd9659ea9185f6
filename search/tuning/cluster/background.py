"""A Ray session that starts while something else is done: it takes seconds, of which this process works a tenth."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from search.run.possible.cluster_address import cluster_address
from search.study.sections import ResourcesConfig
from search.tuning.cluster.resources import Node
from search.tuning.cluster.session import ray_session, set_environment


class BackgroundRay:
    """`ray_session` in a thread of its own, over when the block is left, or before, by `close`.

    The thread lives as long as the session: Linux ends what a thread has started together with that thread.
    """

    def __init__(self, resources: ResourcesConfig, trials: int, *, load_trials: bool = True) -> None:
        """`trials`: at most so many are to be run. `load_trials`: the processes load what a real trial needs as they start."""
        self._load_trials = load_trials
        most = min(trials, resources.max_concurrent or trials)
        self._resources = resources.model_copy(update={"max_concurrent": max(1, most)})
        self._thread: threading.Thread | None = None
        self._up, self._over = threading.Event(), threading.Event()
        self._nodes: tuple[Node, ...] = ()
        self._error: BaseException | None = None
        self._is_lent = False

    def begin(self) -> None:
        """Start a session of ours. A cluster is joined when its machines are asked for: who does not answer is not waited for
        where the study turns out to be wrong."""
        if cluster_address(self._resources) is None:
            self._start()

    def nodes(self) -> tuple[Node, ...]:
        """The machines there are, once Ray is up; raises what kept it from that."""
        self._start()
        self._up.wait()
        if self._error is not None:
            raise self._error
        return self._nodes

    def give_up(self) -> None:
        """Let the session end as soon as it can, without waiting for it."""
        self._over.set()

    def close(self) -> None:
        """End the session and wait until nothing of it is left."""
        self.give_up()
        if self._thread is not None:
            self._thread.join()

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Within the block the session outlives the blocks that use it: another study is to be run in it."""
        self._is_lent = True
        try:
            yield
        finally:
            self._is_lent = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self._is_lent:
            self.close()

    def _start(self) -> None:
        if self._thread is None:
            set_environment(self._resources.cpus_per_trial, load_trials=self._load_trials)
            import ray  # noqa: F401  # here, so that two threads never import at once what belongs together

            self._thread = threading.Thread(target=self._hold, name="ray session", daemon=True)
            self._thread.start()

    def _hold(self) -> None:
        try:
            with ray_session(self._resources) as nodes:
                self._nodes = nodes
                self._up.set()
                self._over.wait()
        except BaseException as error:
            self._error = error
        finally:
            self._up.set()
