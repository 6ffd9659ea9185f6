"""A state that has been started: it trains epoch by epoch, and its method shrinks and removes as its plan says."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from models.looking_inside import inside_of, looked_into
from pruning.allocation import Drop
from trainables.config.augment import AugmentConfig
from trainables.data import Batch
from trainables.seeds import derive, random_state, restore_random_state, seed_everything
from trainables.states.begun_epoch import BegunEpoch
from trainables.states.penalty_effect import removal_warnings, strength_settings
from trainables.states.shrinking import Shrinking
from trainables.states.subject import Subject
from trainables.training.batch_norm import has_batch_norm
from trainables.training.epoch import Diverged, Evaluation, train_steps
from trainables.training.micro_batches import micro_batch_warnings
from trainables.training.optimizers import StateByName, state_by_name
from trainables.training.step import Engine
from trainables.training.step_graph import StepGraph

TRAINING_COST = 3
"""Forward passes' worth of multiply-accumulates in a training step: one forward, about two backward."""


@dataclass
class RunningState:
    """Made by `Procedure.start_state`, and over with the state's last epoch. What it does within a step: `Acting`.

    `engine.config` and `augment` are the state's own; `rates` has each step's learning rate.
    """

    subject: Subject
    engine: Engine
    shrinking: Shrinking
    rates: tuple[float, ...]
    augment: AugmentConfig
    steps_per_epoch: int
    graph: StepGraph | None = None
    """The engine's stepper, where that may record steps and replay them."""
    begun: BegunEpoch | None = None
    """The present epoch, where some of its steps are done."""
    _batches: Iterator[Batch] | None = field(default=None, init=False)
    """Those that are left of it."""

    def epoch(self, pause: Callable[[], bool] = lambda: False) -> dict[str, Any]:
        """Train one epoch, or what is left of it, and return its record line.

        `pause`, asked after each step, may leave it before its last one: the line is then of the kind `within`, and a later
        call goes on, or another process from a checkpoint, to the same numbers. Raises Diverged.
        """
        subject = self.subject
        pieces = max(subject.position.micro_batches, self.engine.micro_batches)
        subject.position = position = replace(subject.position, micro_batches=pieces)
        first = position.epoch * self.steps_per_epoch
        self.begun = begun = self.begun or BegunEpoch()
        began = time.perf_counter()
        train_steps(
            self.engine,
            self._batches_left(begun),
            self.rates,
            first,
            begun.tally,
            self,
            lambda: pause() and begun.tally.steps < self.steps_per_epoch,
        )
        begun.seconds += time.perf_counter() - began
        self._count_replays(begun)
        # Not from `position`: the steps have counted their cost and noted a removal since.
        subject.position = replace(subject.position, scaler=self.engine.scaler.state_dict())
        if begun.tally.steps < self.steps_per_epoch:
            begun.random = random_state(self.engine.device)
            return self._place(begun)
        self.begun = self._batches = None
        subject.position = replace(
            subject.position,
            epoch=position.epoch + 1,
            epochs_total=position.epochs_total + 1,
            seconds=position.seconds + begun.seconds,
        )
        last = first + self.steps_per_epoch - 1
        if last + 1 == len(self.rates):
            subject.position = subject.position.with_warnings(self._micro_batch_warnings())
        with looked_into(subject.network.model) as looks:
            val = self._validation(last)
        if not math.isfinite(val.loss):  # the last step of an epoch has no training loss after it
            raise Diverged(last, val.loss, "validation")
        return self._line(begun, val, last) | inside_of(looks, ended=last + 1 == len(self.rates))

    def before_step(self, step: int) -> None:
        self.shrinking.before_step(step)

    def on_gradients(self) -> None:
        self.shrinking.on_gradients()

    def on_weights(self) -> None:
        self.shrinking.on_weights()
        if self.subject.network.masked:
            self.subject.network.apply_masks()

    def after_step(self, step: int) -> None:
        """Count what the step cost, and remove what is due."""
        subject = self.subject
        images = subject.data.sizes["train"] / self.steps_per_epoch
        spent = TRAINING_COST * subject.network.macs() * images
        subject.position = replace(subject.position, training_macs=subject.position.training_macs + spent)
        if self.shrinking.removes_after(step):
            drop = self.shrinking.plan.shrink
            gone = {subject.network.structure.groups[name].kind for name in drop}
            subject.measured_removal(drop, lambda: self._remove(drop))
            settings = strength_settings(subject.config, subject.method)
            subject.position = subject.position.with_warnings(
                removal_warnings(subject.position.removal, settings, gone)
            )
            self.shrinking.removed()

    def steps_left(self, step: int) -> int:
        return self.shrinking.unchanged_until() - step

    def moments(self) -> StateByName:
        """The optimiser's, by parameter name."""
        return state_by_name(self.engine.model, self.engine.optimizer)

    def _validation(self, last_step: int) -> Evaluation:
        """The state's last epoch stands for the state, so it is judged as the network that is written."""
        ended = last_step + 1 == len(self.rates)
        return self.subject.evaluate_as_exported("val") if ended else self.subject.evaluate("val")

    def _batches_left(self, begun: BegunEpoch) -> Iterator[Batch]:
        """Of the present epoch; the global generators stand where its next step finds them, whatever has drawn meanwhile."""
        subject = self.subject
        seed = derive(subject.config.seed, "epoch", subject.position.state, subject.position.epoch)
        seed_everything(seed)
        if begun.random:
            restore_random_state(begun.random, self.engine.device)
        if self._batches is None:
            batch_size, done = self.engine.config.batch_size, begun.tally.steps
            self._batches = subject.data.train_batches(batch_size, seed, self.augment, first=done)
        return self._batches

    def _count_replays(self, begun: BegunEpoch) -> None:
        if self.graph is None:
            return
        told = self.graph.told()
        self.subject.position = self.subject.position.with_warnings(told.warnings)
        begun.replayed += told.replayed
        begun.notes += told.notes

    def _remove(self, drop: Drop) -> None:
        engine = self.engine
        engine.optimizer = self.subject.network.remove_with_optimizer(drop, engine.optimizer, engine.config)

    def _micro_batch_warnings(self) -> tuple[str, ...]:
        pieces, engine = self.subject.position.micro_batches, self.engine
        batch_norm = has_batch_norm(engine.model)
        return micro_batch_warnings(engine.config.batch_size, pieces, batch_norm=batch_norm)

    def _place(self, begun: BegunEpoch) -> dict[str, Any]:
        position = self.subject.position
        return {
            "kind": "within",
            "state": position.state,
            "epoch": position.epoch + 1,
            "steps_done": begun.tally.steps,
            "steps": self.steps_per_epoch,
        }

    def _line(self, begun: BegunEpoch, val: Evaluation, last_step: int) -> dict[str, Any]:
        network, position = self.subject.network, self.subject.position
        result, cost = begun.tally.result(), network.cost()
        # What is said of replayed steps, where there may be any.
        graph = {} if self.graph is None else {"graph": {"replayed": begun.replayed, "notes": begun.notes}}
        pieces = {} if self.engine.micro_batches == 1 else {"micro_batches": self.engine.micro_batches}
        return {
            "kind": "epoch",
            "state": position.state,
            "epoch": position.epoch,
            "epochs_total": position.epochs_total,
            "phase": self.shrinking.phase(last_step),
            "train_loss": result.loss,
            "train_accuracy": result.accuracy,
            "val_loss": val.loss,
            "val_accuracy": val.accuracy,
            "lr": self.rates[last_step],
            "lambda": self.shrinking.strength(last_step),
            "kept": network.structure.kept_of_kind(),
            "removed_percent": cost.removed_percent,
            "removed_of_all_percent": cost.removed_of_all_percent,
            "params": cost.params,
            "macs": cost.macs,
            "images_per_second": result.images / begun.seconds,
            "seconds": begun.seconds,
            **pieces,
            **graph,
        }
