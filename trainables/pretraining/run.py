"""A pretraining from its first epoch, or from where it was left, to its weights file; the same in one process and in many."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from models.errors import WorkFailed
from models.looking_inside import inside_of, looked_into
from trainables.config.origins import splits_line
from trainables.config.pretrain import PretrainConfig
from trainables.data import Batch, Data
from trainables.files.epoch_log import write_log
from trainables.pretraining.ending import Ending, PretrainResult
from trainables.pretraining.finish import WeightsFiles
from trainables.pretraining.folder import Standing, go_on, identity, locked, save
from trainables.pretraining.judging import Judge, Judged
from trainables.pretraining.listener import Listener
from trainables.pretraining.loaded import loaded
from trainables.pretraining.processes import EndedElsewhere, Leaving, Processes, joined
from trainables.pretraining.randomness import draw_from_here, drawn_so_far
from trainables.pretraining.steps import Averaging
from trainables.pretraining.trained import Trained, spread, state_of
from trainables.pretraining.words import beginning
from trainables.seeds import derive
from trainables.states.begun_epoch import BegunEpoch
from trainables.tensorboard.pretraining import PretrainingBoard
from trainables.training.epoch import Diverged, train_steps
from trainables.training.learning_rate import learning_rates
from trainables.training.step_graph import StepGraph


def pretrain(config: PretrainConfig, folder: Path, listener: Listener | None = None) -> PretrainResult | None:
    """Train to the end, starting or going on in `folder`, and write the weights file. None in every process but the first.

    Raises:
        UserError: the data cannot be had, or `folder` holds another pretraining, or is being worked in.
        WorkFailed: the loss diverged, or another process is gone.
        KeyboardInterrupt: the listener asked to leave; says where the same command goes on.
    """
    with joined() as processes:
        told = listener or Listener()
        if not processes.is_first:
            told = Listener(leaves=told.leaves)
        with locked(folder, processes):
            return _Run.begun(config, folder, told, processes).to_its_end()


@dataclass
class _Run:
    config: PretrainConfig
    folder: Path
    listener: Listener
    processes: Processes
    data: Data
    trained: Trained
    standing: Standing
    judge: Judge
    files: WeightsFiles
    leaving: Leaving
    steps: int
    """Of each epoch."""
    rates: tuple[float, ...]
    same: dict[str, Any]
    board: PretrainingBoard | None = field(default=None)
    """The first process's."""

    @classmethod
    def begun(cls, config: PretrainConfig, folder: Path, listener: Listener, processes: Processes) -> _Run:
        """All that is needed to go on, loaded."""
        parts = loaded(config, processes, listener.leaves)
        data, built = parts.data, parts.trained
        same = identity(config, data.digest)
        standing, warnings = go_on(built, folder, same, processes)
        spread(built, config, data, processes)
        files = WeightsFiles(config, parts.spec, data, folder, built.engine)
        steps = data.steps_per_epoch(config.train.batch_size)
        rates = learning_rates(config.train.schedule, config.peak_lr, config.epochs * steps)
        leaving = Leaving(processes, listener.leaves)
        run = cls(
            config, folder, listener, processes, data, built, standing, parts.judge, files, leaving, steps, rates, same
        )
        listener.tell(f"data {splits_line(data.info.name, data.sizes, data.splits)}")
        if processes.is_first:
            for warning in (*warnings, *data.warnings()):
                listener.tell(f"warning: {warning}")
            for line in beginning(config, built, processes, standing):
                listener.tell(line)
        return run

    def to_its_end(self) -> PretrainResult | None:
        done = len(self.standing.history)
        try:
            self.processes.together(self._open)
            self.listener.start(done, self.config.epochs, self.steps)
            while len(self.standing.history) < self.config.epochs:
                self._epoch()
                if self.leaving.settle() and len(self.standing.history) < self.config.epochs:
                    raise KeyboardInterrupt(f"the same command goes on with epoch {len(self.standing.history) + 1}")
            return Ending(self.config, self.data, self.judge, self.files, self.processes).reached(
                self.standing, self.trained.kept, self.listener
            )
        finally:
            self.data.close()
            if self.board is not None:
                self.board.close()

    def _epoch(self) -> None:
        """Train one epoch, or what is left of it."""
        begun = self._trained_epoch(len(self.standing.history))
        trained_at = time.perf_counter()
        self.trained.as_first(self.processes)
        line = self._judged(begun)
        times = {
            "images_per_second": begun.tally.result().images / begun.seconds,
            "seconds": begun.seconds,
            "evaluation_seconds": time.perf_counter() - trained_at,
            "processes": self.processes.count,
        }
        self.standing = replace(
            self.standing, history=[*self.standing.history, line], times=[*self.standing.times, times], begun=None
        )
        self.processes.together(self._keep)
        self.listener.epoch({**line, **times})

    def _save(self) -> None:
        if self.processes.is_first:
            save(self.folder, self.trained, self.same, self.standing)

    def _keep(self) -> None:
        """The checkpoint first: what else there is follows from it."""
        self._save()
        if not self.processes.is_first:
            return
        if self.standing.best == len(self.standing.history) - 1:
            self.files.write_best(state_of(self.trained.kept), self.standing)
        if self.board is not None:
            self.board.epoch(self.standing.lines()[-1])

    def _open(self) -> None:
        done = len(self.standing.history)
        if not self.processes.is_first:
            return
        if done < self.config.epochs:
            self.board = PretrainingBoard(self.folder, self.standing.lines())
        if done and self.standing.begun is None:
            self._mend()

    def _mend(self) -> None:
        """What a kill between the checkpoint and what follows from it has left undone."""
        write_log(self.folder, self.standing.lines())
        done = len(self.standing.history)
        if self.standing.best == done - 1 and not self.files.best_is_of(done):
            self.files.write_best(state_of(self.trained.kept), self.standing)

    def _trained_epoch(self, done: int) -> BegunEpoch:
        engine, first = self.trained.engine, done * self.steps
        begun = self.standing.begun = (
            BegunEpoch() if self.standing.begun is None else self.standing.begun.moved(engine.device)
        )
        batches = self._batches(begun, done)
        acting = Averaging(len(self.rates), self.trained.network, self.trained.ema)
        while begun.tally.steps < self.steps:
            since = time.perf_counter()
            try:
                train_steps(engine, batches, self.rates, first, begun.tally, acting, lambda: self._pauses(begun))
            except Diverged as error:
                # In all of them after the same step.
                kind = WorkFailed if self.processes.is_first else EndedElsewhere
                raise kind(f"pretraining {self.config.name} diverged ({error}); lower it", key="train.lr") from error
            begun.seconds += time.perf_counter() - since
            if begun.tally.steps < self.steps:
                self._checkpoint_within(begun)
        self._tell_of_graph()
        return begun

    def _batches(self, begun: BegunEpoch, done: int) -> Iterator[Batch]:
        seed = derive(self.config.seed, "epoch", done)
        draw_from_here(seed, begun, self.processes, self.trained.engine.device)
        return self.data.train_batches(
            self.config.train.batch_size, seed, first=begun.tally.steps, share=self.processes.share
        )

    def _pauses(self, begun: BegunEpoch) -> bool:
        """Asked after each step: whether a checkpoint is to be written before the next."""
        steps, every = begun.tally.steps, self.config.checkpoint_every
        self.listener.step(steps, self.config.train.batch_size)
        leaves = self.leaving.agreed()
        return steps < self.steps and (leaves or (every is not None and steps % every == 0))

    def _checkpoint_within(self, begun: BegunEpoch) -> None:
        begun.random = drawn_so_far(self.processes, self.trained.engine.device)
        self.processes.together(self._save)
        if self.leaving.settle():
            place = f"epoch {len(self.standing.history) + 1}, after {begun.tally.steps} of {self.steps} steps"
            raise KeyboardInterrupt(f"the same command goes on with {place}")

    def _judged(self, begun: BegunEpoch) -> dict[str, Any]:
        """The line of figures of the epoch whose steps are all done."""
        done = len(self.standing.history)
        result, ended = begun.tally.result(), done + 1 == self.config.epochs
        with looked_into(self.trained.kept) as looks:
            val = self.judge.evaluate(self.trained.kept, "val", as_exported=ended)
        line = {
            "epoch": done + 1,
            "train_loss": result.loss,
            "train_accuracy": result.accuracy,
            "val_loss": val.loss,
            "val_accuracy": val.accuracy,
            "lr": self.rates[(done + 1) * self.steps - 1],
        }
        if val.top5 is not None:
            line["val_top5"] = val.top5
        if self.trained.ema is not None:
            own: Judged = self.judge.evaluate(self.trained.network, "val", as_exported=ended)
            line |= {"val_loss_unaveraged": own.loss, "val_accuracy_unaveraged": own.accuracy}
        if self.processes.are_several:
            for look in looks.values():
                look.over(self.processes.total)
        return {**line, **inside_of(looks, ended=_is_tenth(done + 1, self.config.epochs))}

    def _tell_of_graph(self) -> None:
        stepper = self.trained.engine.stepper
        if isinstance(stepper, StepGraph):
            told = stepper.told()
            for text in (*told.notes, *(f"warning: {warning}" for warning in told.warnings)):
                self.listener.tell(text)


def _is_tenth(epoch: int, epochs: int) -> bool:
    """Whether another tenth of all epochs is done with this one: products are told so often, not to fill the log."""
    return epoch * 10 // epochs > (epoch - 1) * 10 // epochs
