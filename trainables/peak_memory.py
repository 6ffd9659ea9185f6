"""How much of a GPU's memory a trial takes at most, found by training its dense network for a few steps."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

import torch

from trainables.config.trial import TrialConfig
from trainables.data.augmentation.mixing import make_mix
from trainables.files.record import Identity
from trainables.prepare import prepare
from trainables.states.procedure import Procedure
from trainables.training.device_memory import release_memory
from trainables.training.epoch import Diverged, evaluate_as_exported, train_epoch
from trainables.training.optimizers import build_optimizer
from trainables.training.precision import loss_scaler
from trainables.training.step import Alone, Batch, Eagerly, Engine

STEPS = 8
"""Enough for a step to be recorded, whose memory is its own, and replayed."""


class Counters(Protocol):
    """Of the memory of one GPU, in bytes; `torch.cuda` is one."""

    def mem_get_info(self) -> tuple[int, int]:
        """What is free, and what there is in all."""

    def reset_peak_memory_stats(self) -> None: ...

    def memory_reserved(self) -> int: ...

    def max_memory_reserved(self) -> int: ...


@dataclass(frozen=True)
class Peak:
    """Bytes: what one trial takes at most, the context of its process included, and what its GPU has."""

    taken: int
    total: int


def peak_memory(config: TrialConfig, counters: Counters | None = None) -> Peak | None:
    """Train, with optimiser, teacher and an evaluation, as each state of the trial does; None where memory runs out.

    What another program holds on that GPU counts as the trial's: it cannot be told apart from the process's own context.
    """
    counters = _cuda() if counters is None else counters
    counters.reset_peak_memory_stats()
    before = _used(counters)
    try:
        _train_a_little(config)
    except torch.OutOfMemoryError:
        fits = False
    else:
        fits = True
    total = counters.mem_get_info()[1]
    outside = max(before, _used(counters) - counters.memory_reserved())
    peak = Peak(outside + counters.max_memory_reserved(), total)
    release_memory()
    return peak if fits else None


def _cuda() -> Any:
    torch.cuda.init()  # type: ignore[no-untyped-call]
    return torch.cuda


def _used(counters: Counters) -> int:
    free, total = counters.mem_get_info()
    return total - free


def _train_a_little(config: TrialConfig) -> None:
    procedure = prepare(Identity("memory"), config).procedure
    try:
        for state in range(min(len(procedure.epochs), 2)):
            _steps_of_state(procedure, state)
    finally:
        procedure.data.close()


def _steps_of_state(procedure: Procedure, state: int) -> None:
    """A few by the recipe of a state, of the dense network: it is the largest, and RSST's is that large until its removal."""
    config, model = procedure.config, procedure.network.model
    train, augment = config.train_of_state(state), config.augment_of_state(state)
    graph = None if procedure.graphs is None else procedure.graphs.of_state(train)
    teacher = procedure.teacher
    if train.distill.weight > 0 and teacher is None:
        teacher = copy.deepcopy(model).eval().requires_grad_(False)
    engine = Engine(
        model=model,
        optimizer=build_optimizer(model, train, None if graph is None else procedure.device),
        scaler=loss_scaler(procedure.precision, procedure.device),
        config=train,
        precision=procedure.precision,
        device=procedure.device,
        teacher=teacher,
        mix=make_mix(augment.mixup, augment.cutmix, procedure.data.info.num_classes),
        stepper=Eagerly() if graph is None else graph,
    )
    steps = procedure.epochs[state] * procedure.steps_per_epoch(state)
    batches: Iterator[Batch] = islice(procedure.data.train_batches(train.batch_size, 0, augment), STEPS)
    with suppress(Diverged):  # the learning rate is not warmed up here, and the memory is the same
        train_epoch(engine, batches, (train.lr,) * STEPS, 0, Alone(steps))
    evaluate_as_exported(model, islice(procedure.eval_batches("val", train.batch_size), 1), procedure.device)
