"""What a machine or a cluster has, and each trial's share of it."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass

from models.errors import UserError
from search.study.sections import ResourcesConfig

TRIALS_PER_GPU = 4
"""At most so many trials share a GPU under `auto`."""
GPU_DEVICES = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
"""Of NVIDIA's driver, AMD's and Windows': where none is there, torch need not be loaded to find no GPU."""


@dataclass(frozen=True)
class Share:
    """What one trial is given, and how many trials run at once."""

    cpus: int
    gpus: float
    concurrent: int


@dataclass(frozen=True)
class Node:
    """What one machine of a cluster lends to trials."""

    cpus: float
    gpus: float = 0.0
    id: str = ""
    host: str = "this machine"

    def slots(self, cpus: int, gpus: float) -> int:
        """Trials that run here at once; one trial never spans two machines, nor a fraction of a GPU two GPUs."""
        by_cpu = int(self.cpus // cpus)
        return by_cpu if gpus == 0 else min(by_cpu, _trials_on_gpus(gpus, self.gpus))


def this_machine() -> Node:
    """What this machine would lend, known before Ray starts.

    Its processors are those that affinity and the container's quota leave to this process: on a shared machine or a
    batch node `os.cpu_count` counts what belongs to others.
    """
    import joblib

    if not any(os.path.exists(device) for device in GPU_DEVICES):
        return Node(joblib.cpu_count())
    import torch

    return Node(joblib.cpu_count(), torch.cuda.device_count())


def share_of(resources: ResourcesConfig, nodes: Sequence[Node], trials_per_gpu: int = TRIALS_PER_GPU) -> Share:
    """Each trial's share of `nodes`, under `auto` with at most `trials_per_gpu` on a GPU.

    A UserError naming the key where no node could ever run a trial.
    """
    wanted = resources.cpus_per_trial
    largest = max((node.cpus for node in nodes), default=0.0)
    if wanted > largest:
        raise UserError(
            f"resources.cpus_per_trial: {wanted} CPUs are asked for a trial, but there are {largest:g}{_at_most(nodes)}; "
            f"ask for at most {largest:g}"
        )
    slots = sum(node.slots(wanted, 0) for node in nodes)
    most = slots if resources.max_concurrent is None else min(slots, resources.max_concurrent)
    gpus = sum(node.gpus for node in nodes)
    per_trial = (
        _gpu_share(most, gpus, trials_per_gpu)
        if resources.gpus_per_trial == "auto"
        else float(resources.gpus_per_trial)
    )
    slots = sum(node.slots(wanted, per_trial) for node in nodes)
    if slots == 0:
        raise UserError(_never(wanted, per_trial, nodes))
    return Share(wanted, per_trial, min(most, slots))


def _never(cpus: int, gpus: float, nodes: Sequence[Node]) -> str:
    most = max(node.gpus for node in nodes)
    if gpus > most:
        return (
            f"resources.gpus_per_trial: {gpus:g} GPUs are asked for a trial, but there are {most:g}{_at_most(nodes)}; "
            "ask for fewer, or write `auto`"
        )
    return (
        f"resources.cpus_per_trial: {cpus} CPUs and {gpus:g} GPUs are asked for a trial, but no machine has both; "
        "ask for fewer of either"
    )


def _at_most(nodes: Sequence[Node]) -> str:
    return " on the largest machine" if len(nodes) > 1 else ""


def _gpu_share(concurrent: int, gpus: float, most: int) -> float:
    if gpus <= 0:
        return 0.0
    per_gpu = min(most, max(1, math.ceil(concurrent / gpus)))
    return 1.0 / per_gpu


def _trials_on_gpus(per_trial: float, gpus: float) -> int:
    if per_trial >= 1:
        return int(gpus // per_trial)
    return int(gpus) * int(1 / per_trial + 1e-9)
