"""Machines come and go while a study runs; no Ray here, and no clock but the test's."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from search.tuning.cluster.capacity import (
    ASK_AGAIN_SECONDS,
    ASKED_AT_MOST,
    LOOK_SECONDS,
    Capacity,
    ClusterCapacity,
)
from search.tuning.cluster.node_check import Passing, Refusals
from search.tuning.cluster.resources import Node, Share
from search.tuning.gpu_memory.gpu_room import GpuRoom

SHARE = Share(cpus=2, gpus=0.5, concurrent=4)
A, B, C = (Node(4, 1, f"id-{name}", f"host-{name}") for name in "abc")


@dataclass
class Cluster:
    """What `ClusterCapacity` sees; `go_on` lets a check end."""

    alive: list[Node]
    problems: dict[str, str | None] = field(default_factory=dict)
    now: float = 0.0
    wanted: int = 7
    said: list[str] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)
    checked: list[tuple[str, ...]] = field(default_factory=list)
    error: Exception | None = None
    room: GpuRoom = field(default_factory=lambda: GpuRoom(SHARE.gpus))

    def __post_init__(self) -> None:
        self.go_on, self.ended = threading.Event(), threading.Event()

    def capacity(self, most: int | None = None) -> ClusterCapacity:
        return ClusterCapacity(
            SHARE,
            self.room,
            tuple(self.alive),
            most,
            live=lambda: list(self.alive),
            check=self._check,
            say=self.said.append,
            wanted=lambda: self.wanted,
            ask=self.asked.append,
            clock=lambda: self.now,
        )

    def _check(self, nodes: Sequence[Node]) -> Refusals:
        self.checked.append(tuple(node.id for node in nodes))
        assert self.go_on.wait(10)
        if self.error is not None:
            raise self.error
        return {node.id: self.problems[node.id] for node in nodes if node.id in self.problems}

    def later(self, capacity: ClusterCapacity) -> int:
        self.now += LOOK_SECONDS
        return capacity.trials()

    def checks_end(self, capacity: ClusterCapacity) -> int:
        self.go_on.set()
        check = capacity._check
        assert check is not None
        for thread in threading.enumerate():
            if thread.name == "node check":
                thread.join(10)
        return self.later(capacity)


def test_a_machine_that_joins_takes_trials_once_it_has_been_checked() -> None:
    cluster = Cluster([A], problems={B.id: None})
    capacity = cluster.capacity()
    assert (capacity.trials(), capacity.request("t")["nodes"]) == (2, (A.id,))
    cluster.alive = [A, B]
    assert capacity.trials() == 2, "it is not looked again at once"
    assert cluster.later(capacity) == 2
    assert capacity.request("t")["nodes"] == (A.id,), "not before it has answered"
    assert cluster.checks_end(capacity) == 4
    assert capacity.request("t") == {"cpus": 2, "gpus": 0.5, "micro_batches": 1, "nodes": (A.id, B.id)}
    assert cluster.said == ["host-b has joined the cluster and been checked", "4 trials at once now, 2 before"]
    cluster.later(capacity)
    assert cluster.checked == [(B.id,)], "it is asked once"


def test_a_machine_that_is_not_as_the_driver_takes_none_and_the_study_goes_on() -> None:
    cluster = Cluster([A], problems={B.id: "has other code", C.id: None})
    capacity = cluster.capacity()
    cluster.alive = [A, B, C]
    cluster.later(capacity)
    assert cluster.checks_end(capacity) == 4
    assert capacity.request("t")["nodes"] == (A.id, C.id)
    assert cluster.said[0] == "host-b has joined the cluster and takes no trials: has other code"
    cluster.later(capacity)
    assert cluster.checked == [(B.id, C.id)]


def test_a_machine_that_could_not_be_checked_is_asked_again_after_a_minute() -> None:
    cluster = Cluster([A], error=RuntimeError("no answer"))
    capacity = cluster.capacity()
    cluster.alive = [A, B]
    cluster.later(capacity)
    assert cluster.checks_end(capacity) == 2
    yet = "host-b has joined the cluster and takes no trials yet: could not be checked (no answer); it is asked again"
    assert cluster.said == [yet]
    cluster.now += ASK_AGAIN_SECONDS - 2 * LOOK_SECONDS
    cluster.later(capacity)
    assert cluster.checked == [(B.id,)]
    cluster.later(capacity)
    assert cluster.checked == [(B.id,)] * 2
    assert cluster.checks_end(capacity) == 2
    assert cluster.said == [yet], "the same is not said again"

    cluster.error, cluster.problems = None, {B.id: Passing("did not answer within 600 s")}
    cluster.now += ASK_AGAIN_SECONDS
    cluster.later(capacity)
    assert cluster.checks_end(capacity) == 2
    assert "takes no trials yet: did not answer within 600 s" in cluster.said[-1]

    cluster.problems = {B.id: None}
    cluster.now += ASK_AGAIN_SECONDS
    cluster.later(capacity)
    assert cluster.checks_end(capacity) == 4
    assert capacity.request("t")["nodes"] == (A.id, B.id)


def test_a_trial_is_stuck_once_all_machines_that_may_take_it_have_gone() -> None:
    cluster = Cluster([A, B], problems={C.id: None})
    capacity = cluster.capacity()
    capacity.trials()
    capacity.request("t")
    assert not capacity.is_stuck("t"), "it merely waits"
    cluster.alive = [B]
    cluster.later(capacity)
    assert not capacity.is_stuck("t")
    cluster.alive = [C]
    assert not capacity.is_stuck("t"), "it is not looked again at once"
    capacity.look_again()
    assert capacity.is_stuck("t")
    assert cluster.checks_end(capacity) == 2
    assert capacity.is_stuck("t"), "another's coming does not help it"
    capacity.heard_of("t")
    assert not capacity.is_stuck("t")
    capacity.request("t")
    assert not capacity.is_stuck("t"), "handed out again it may go to the new one"
    assert not Capacity(SHARE, GpuRoom(0.5), (Node(8, 2),)).is_stuck("t")


def test_after_a_loss_no_trial_goes_to_a_machine_that_was_there_a_moment_ago() -> None:
    cluster = Cluster([A])
    capacity = cluster.capacity()
    assert capacity.has_room(1)
    cluster.alive = []
    assert capacity.has_room(1), "as far as is known"
    capacity.look_again()
    assert not capacity.has_room(0)


def test_fewer_trials_run_after_a_machine_has_left_and_none_without_any() -> None:
    cluster = Cluster([A, B])
    capacity = cluster.capacity()
    assert capacity.trials() == 4
    cluster.alive = [B]
    assert cluster.later(capacity) == 2
    cluster.alive = []
    assert cluster.later(capacity) == 0
    cluster.alive = [A]
    assert cluster.later(capacity) == 2, "one that comes back is known"
    assert cluster.said == [
        "host-a has left the cluster",
        "2 trials at once now, 4 before",
        "host-b has left the cluster",
        "no machine runs trials now",
    ]


def test_a_machine_that_left_while_it_was_asked_is_asked_again_when_it_returns() -> None:
    cluster = Cluster([A])
    capacity = cluster.capacity()
    cluster.alive = [A, B]
    cluster.later(capacity)
    cluster.alive = [A]
    assert cluster.checks_end(capacity) == 2
    cluster.alive, cluster.problems = [A, B], {B.id: None}
    cluster.later(capacity)
    assert cluster.checks_end(capacity) == 4


def test_a_trial_that_waits_for_a_machine_that_has_gone_keeps_no_other_idle() -> None:
    cluster = Cluster([A, B], problems={C.id: None})
    capacity = cluster.capacity()
    for name in ("one", "two", "three", "four"):
        assert capacity.has_room(("one", "two", "three", "four").index(name))
        capacity.request(name)
    for name in ("one", "two"):
        capacity.heard_of(name)
    assert not capacity.has_room(4)
    cluster.alive = [A, C]
    cluster.later(capacity)
    assert cluster.checks_end(capacity) == 4
    assert capacity.has_room(4), "two of the four wait for machines that they know, among which the new one is not"
    capacity.request("five")
    assert capacity.has_room(5)
    capacity.heard_of("three")
    assert not capacity.has_room(5)


def test_no_more_run_than_the_study_allows() -> None:
    cluster = Cluster([A, B])
    capacity = cluster.capacity(most=3)
    assert capacity.trials() == 3
    assert [capacity.has_room(live) for live in (2, 3)] == [True, False]


def test_a_machine_too_small_for_a_trial_is_not_asked() -> None:
    cluster = Cluster([A])
    capacity = cluster.capacity()
    cluster.alive = [A, replace(B, cpus=1), replace(C, gpus=0)]
    cluster.later(capacity)
    assert cluster.checked == []


@pytest.mark.parametrize(("most", "asked"), [(None, [7, 5, 0]), (6, [6, 5, 0]), (3, [3, 0])])
def test_the_autoscaler_is_asked_for_what_is_still_to_run(most: int | None, asked: list[int]) -> None:
    cluster = Cluster([A])
    capacity = cluster.capacity(most)
    capacity.trials()
    cluster.later(capacity)
    cluster.wanted = 5
    cluster.later(capacity)
    capacity.leave()
    assert cluster.asked == asked


def test_it_is_not_asked_for_ten_thousand_at_once() -> None:
    cluster = Cluster([A], wanted=10_000)
    cluster.capacity().trials()
    assert cluster.asked == [ASKED_AT_MOST]


def test_a_session_of_ours_has_one_cpu_for_each_trial() -> None:
    capacity = Capacity(SHARE, GpuRoom(0.5), (Node(8, 2),))
    capacity.leave()
    assert capacity.trials() == 4
    assert capacity.request("t") == {"cpus": 1, "gpus": 0.5, "micro_batches": 1, "nodes": ()}


def test_fewer_trials_run_once_they_are_given_more_of_a_gpu() -> None:
    cluster = Cluster([A, B])
    capacity, own = cluster.capacity(), Capacity(SHARE, cluster.room, (Node(8, 2),))
    assert (capacity.trials(), own.trials()) == (4, 4)
    cluster.room.gpus = 1.0
    assert (capacity.trials(), own.trials()) == (2, 2)
    assert [own.has_room(live) for live in (1, 2)] == [True, False]
