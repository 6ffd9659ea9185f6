"""How many trials may run at once, and on which machines: in a cluster those that were checked, as they come and go."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from search.tuning.cluster.node_check import NodeCheck, Passing, Refusals
from search.tuning.cluster.resources import Node, Share
from search.tuning.gpu_memory.gpu_room import GpuRoom

LOOK_SECONDS = 2.0
"""Between two looks at which machines there are."""
ASK_AGAIN_SECONDS = 60.0
"""Until a machine that could not be checked is asked again."""
ASKED_AT_MOST = 1000
"""Trials' shares that a cluster's autoscaler is asked for; how many machines it starts for them is its own affair."""
NODE_LABEL = "ray.io/node-id"


@dataclass(frozen=True)
class Capacity:
    """This machine alone, which stays as it is. Of its GPUs a trial is given what `room` says now."""

    share: Share
    room: GpuRoom
    nodes: Sequence[Node]

    def trials(self) -> int:
        """As many as fit now."""
        return min(self.share.concurrent, sum(node.slots(self.share.cpus, self.room.gpus) for node in self.nodes))

    def has_room(self, live: int) -> bool:
        """Whether another may be handed out beside so many."""
        return live < self.trials()

    def request(self, trial_id: str) -> dict[str, Any]:
        """What a trial that is handed out now asks of Ray: see `placement`. A session of ours has a CPU for each trial."""
        return {"cpus": 1, "nodes": (), **self.room.give(trial_id)}

    def is_stuck(self, trial_id: str) -> bool:
        """Whether a trial that waits can never begin, since every machine that may take it has gone."""
        return False

    def heard_of(self, trial_id: str) -> None:
        """It runs, or is back."""

    def look_again(self) -> None:
        """A trial was lost: which machines were there a moment ago is not to be relied on."""

    def leave(self) -> None:
        """No more trials are to come."""


@dataclass
class ClusterCapacity:
    """A cluster that was joined. Machines that join later are checked as the first ones were, and take trials from then on.

    `checked` are the first ones; `live` gives the machines there are now, `check` asks some of them and may take minutes,
    `say` tells people, and `ask` tells the cluster's autoscaler for how many trials' shares there should be room.
    """

    share: Share
    room: GpuRoom
    checked: Sequence[Node]
    most: int | None
    """Trials at once, whatever the cluster could."""
    live: Callable[[], Sequence[Node]]
    check: Callable[[Sequence[Node]], Refusals]
    say: Callable[[str], None]
    wanted: Callable[[], int]
    """Trials that are still to be run or under way."""
    ask: Callable[[int], None]
    clock: Callable[[], float] = time.monotonic
    _alive: dict[str, Node] = field(default_factory=dict)
    _approved: dict[str, Node] = field(default_factory=dict)
    _refused: set[str] = field(default_factory=set)
    _unclear: dict[str, tuple[float, str]] = field(default_factory=dict)
    """Machine → when it may be asked again, and what kept it from being checked."""
    _check: NodeCheck | None = None
    _waiting: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Trial → the machines that may take it, until it is first heard of."""
    _looked: float | None = None
    _asked: int = 0

    def __post_init__(self) -> None:
        self._alive = self._approved = {node.id: node for node in self.checked}

    def trials(self) -> int:
        if self._looked is None or self.clock() - self._looked >= LOOK_SECONDS:
            self._looked = self.clock()
            self._look()
        return self._now()

    def has_room(self, live: int) -> bool:
        fit = self.trials()
        if self.most is not None and live >= self.most:
            return False
        # One that still waits for a machine that has gone cannot go to one that came later: that has room for another.
        stuck = sum(nodes != self._nodes() for nodes in self._waiting.values())
        return live - stuck < fit

    def request(self, trial_id: str) -> dict[str, Any]:
        self._waiting[trial_id] = self._nodes()
        return {"cpus": self.share.cpus, "nodes": self._nodes(), **self.room.give(trial_id)}

    def is_stuck(self, trial_id: str) -> bool:
        self.trials()  # for a look that is not too old
        nodes = self._waiting.get(trial_id)
        return nodes is not None and not any(node in self._alive for node in nodes)

    def heard_of(self, trial_id: str) -> None:
        self._waiting.pop(trial_id, None)

    def look_again(self) -> None:
        self._looked = None

    def leave(self) -> None:
        if self._asked:
            self.ask(0)

    def _now(self) -> int:
        fit = sum(self._slots(node) for node in self._approved.values() if node.id in self._alive)
        return fit if self.most is None else min(fit, self.most)

    def _nodes(self) -> tuple[str, ...]:
        return tuple(sorted(self._approved))

    def _slots(self, node: Node) -> int:
        return node.slots(self.share.cpus, self.room.gpus)

    def _look(self) -> None:
        before, alive = self._now(), {node.id: node for node in self.live()}
        gone = [node for node in self._approved.values() if node.id in self._alive and node.id not in alive]
        self._alive = alive
        joined = self._answered()
        for node in gone:
            self.say(f"{node.host} has left the cluster")
        for node in joined:
            self.say(f"{node.host} has joined the cluster and been checked")
        if (gone or joined) and self._now() != before:
            self.say(
                f"{self._now()} trials at once now, {before} before" if self._now() else "no machine runs trials now"
            )
        self._check_new()
        self._ask_for_room()

    def _check_new(self) -> None:
        if self._check is not None:
            return
        new = [node for node in self._alive.values() if node.id not in self._approved and node.id not in self._refused]
        new = [node for node in new if self._slots(node) and self.clock() >= self._unclear.get(node.id, (0.0,))[0]]
        if new:
            self._check = NodeCheck(self.check, new)

    def _answered(self) -> list[Node]:
        """The machines that have turned out to be as the driver's, since the last look."""
        check = self._check
        if check is None or not check.done:
            return []
        self._check = None
        for node in check.nodes:
            problem = check.refusals.get(node.id)
            if isinstance(problem, Passing):
                self._ask_again(node, problem)
            elif problem is not None:
                self._refused.add(node.id)
                self.say(f"{node.host} has joined the cluster and takes no trials: {problem}")
        right = [node for node in check.nodes if node.id in check.refusals and check.refusals[node.id] is None]
        self._approved = self._approved | {node.id: node for node in right}
        return right

    def _ask_again(self, node: Node, problem: str) -> None:
        """Later, and say so once for each reason."""
        if self._unclear.get(node.id, (0.0, ""))[1] != problem:
            self.say(f"{node.host} has joined the cluster and takes no trials yet: {problem}; it is asked again")
        self._unclear[node.id] = self.clock() + ASK_AGAIN_SECONDS, problem

    def _ask_for_room(self) -> None:
        wanted = min(self.wanted(), ASKED_AT_MOST if self.most is None else self.most)
        if wanted != self._asked:
            self._asked = wanted
            self.ask(wanted)


def placement(config: Mapping[str, Any]) -> Any:
    """Ray's request for a trial with `cpus`, `gpus`, and the ids of the `nodes` that may take it, of which none means any."""
    from ray.tune import PlacementGroupFactory

    bundle = _bundle(config["cpus"], config["gpus"])
    if not config["nodes"]:
        return PlacementGroupFactory([bundle])
    return PlacementGroupFactory([bundle], bundle_label_selector=[{NODE_LABEL: f"in({','.join(config['nodes'])})"}])


def ask_autoscaler(share: Share, room: GpuRoom, trials: int) -> None:
    """Ask for room for so many trials at once; nothing happens in a cluster that has no autoscaler."""
    from ray.autoscaler.sdk import request_resources

    request_resources(bundles=[_bundle(share.cpus, room.gpus)] * trials)


def _bundle(cpus: int, gpus: float) -> dict[str, float]:
    """A trial's share in Ray's words."""
    return {"CPU": cpus} | ({"GPU": gpus} if gpus else {})
