"""Where the processes of a pretraining through Ray Train may be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from models.errors import UserError
from search.tuning.cluster.resources import Node
from trainables.config.train import TrainConfig


@dataclass(frozen=True)
class Places:
    """So many `workers` of `cpus` processors each, and a GPU each or none, on these machines."""

    workers: int
    cpus: int
    gpus: bool
    nodes: tuple[Node, ...]

    def labels(self, own_node: str) -> list[dict[str, str]] | None:
        """What each process asks of its machine: the first one the driver's, where that has room for it. Ray numbers
        processes by the order of their machines, and the first one writes the run's folder."""
        own = next((node for node in self.nodes if node.id == own_node), None)
        if own is None or own.slots(self.cpus, int(self.gpus)) < 1:
            return None
        return [{"ray.io/node-id": own_node}, *[{}] * (self.workers - 1)]

    def resources(self) -> dict[str, float]:
        """Of each process."""
        return {"CPU": self.cpus, **({"GPU": 1} if self.gpus else {})}

    def text(self) -> str:
        """`2 processes of 4 processors and a GPU each`."""
        return f"{self.workers} processes of {self.cpus} processors{' and a GPU' if self.gpus else ''} each"


def check_room(workers: int, train: TrainConfig, nodes: Sequence[Node], where: str) -> bool:
    """UserError where the processes do not fit, each on one machine as a whole; gives whether each has a GPU."""
    there = sum(int(node.gpus) for node in nodes)
    takes_gpus = train.device != "cpu" and (train.device != "auto" or there > 0)
    places = sum(node.slots(train.threads, 0) for node in nodes)
    if workers > places:
        raise UserError(
            f"--workers {workers}: {where} has room for {places} processes of {train.threads} processors (train.threads); ask "
            "for fewer of either"
        )
    if not takes_gpus:
        return False
    if workers > there:
        raise UserError(
            f"--workers {workers}: {where} has {there} GPUs, and each process takes one; ask for at most {there}"
        )
    places = sum(node.slots(train.threads, 1) for node in nodes)
    if workers > places:
        raise UserError(
            f"--workers {workers}: {where} has room for {places} processes of {train.threads} processors (train.threads) and a "
            "GPU each on one machine; ask for fewer of either"
        )
    return True
