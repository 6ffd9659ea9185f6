"""How long a training step of a dense network takes on this machine: a few are run, of large networks a part of one."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from trainables.states.procedure import Procedure

STEPS = 5
LONG = 1.0
"""Seconds of a step from which one is enough."""
SHARE = 8
"""Of a batch on a CPU, where time goes with the number of images, so many times fewer are tried first."""
LOADED = 16
"""Images that are decoded and augmented to see how long that takes."""


@dataclass
class StepTimes:
    """Seconds of steps; what several arms have in common is measured once.

    `cpus` are a trial's processors: with one, decoding images and training take turns on it, with more they go on side by side.
    """

    cpus: int
    _known: dict[str, float] = field(default_factory=dict)

    def of(self, procedure: Procedure, batch_size: int, teacher: nn.Module | None) -> float:
        """Of one step: forward, the teacher's too, and backward, and the images made ready."""
        who = (
            ""
            if teacher is None
            else "dense"
            if teacher is procedure.network.model
            else str(procedure.config.train.distill)
        )
        spec, data = procedure.network.spec.to_json(), procedure.data.digest
        key = json.dumps([spec, data, batch_size, who, str(procedure.device)], sort_keys=True)
        if key not in self._known:
            self._known[key] = self._measured(procedure, batch_size, teacher)
        return self._known[key]

    def _measured(self, procedure: Procedure, batch_size: int, teacher: nn.Module | None) -> float:
        images, labels = next(procedure.data.train_batches(batch_size, seed=0))
        training = training_seconds(procedure.network.model, images, labels, teacher)
        loading = procedure.data.loading_seconds(min(LOADED, batch_size)) * batch_size / min(LOADED, batch_size)
        workers = procedure.config.data.workers
        beside = min(workers, self.cpus if images.is_cuda else self.cpus - 1)
        return training + loading if beside < 1 else max(training, loading / beside)


def training_seconds(model: nn.Module, images: Tensor, labels: Tensor, teacher: nn.Module | None) -> float:
    """Seconds of a step on these images, the first one left out where several are run."""
    model.train()
    part = max(2, len(images) // SHARE)
    if not images.is_cuda and part < len(images):
        seconds = _step(model, images[:part], labels[:part], teacher)
        if seconds > LONG / 2:
            return seconds * len(images) / part
    times: list[float] = []
    while len(times) < 1 + STEPS:
        times.append(_step(model, images, labels, teacher))
        if times[-1] > LONG and not images.is_cuda:
            return times[-1]
    # What runs beside makes steps longer, never shorter: the shortest varies least.
    return min(times[1:])


def _step(model: nn.Module, images: Tensor, labels: Tensor, teacher: nn.Module | None) -> float:
    began = time.perf_counter()
    if teacher is not None:
        with torch.no_grad():
            teacher(images)
    torch.autograd.backward(nn.functional.cross_entropy(model(images), labels))
    if images.is_cuda:
        torch.cuda.synchronize()
    seconds = time.perf_counter() - began
    model.zero_grad()
    return seconds
