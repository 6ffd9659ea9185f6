"""Machines that join are asked what they are beside the trials that run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence

from search.tuning.cluster.resources import Node


class Passing(str):
    """What kept a machine from being checked, and may have gone when it is asked again; no difference from the driver."""

    __slots__ = ()


Refusals = Mapping[str, str | None]
"""Machine by id → what is wrong with it, `Passing` where that is not known, None where nothing is; a machine that has gone is
not there."""


class NodeCheck:
    """Of some machines, in a thread of its own; `refusals` are complete once it is `done`."""

    def __init__(self, check: Callable[[Sequence[Node]], Refusals], nodes: Sequence[Node]) -> None:
        self.nodes, self.refusals, self.done = tuple(nodes), dict[str, str | None](), False
        # A daemon: a machine that does not answer keeps no study from ending.
        threading.Thread(target=self._run, args=(check,), name="node check", daemon=True).start()

    def _run(self, check: Callable[[Sequence[Node]], Refusals]) -> None:
        try:
            self.refusals = dict(check(self.nodes))
        except Exception as error:  # whatever it was, these machines were not checked
            self.refusals = {node.id: Passing(f"could not be checked ({error})") for node in self.nodes}
        finally:
            self.done = True
