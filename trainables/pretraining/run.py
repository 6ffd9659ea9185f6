"""A pretraining from its first epoch, or from where it was left, to its weights file; the same in one process and in many."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from models.errors import WorkFailed
from models.looking_inside import inside_of, looked_into
from models.weights.registered import registered_line
from models.weights.weights_file import read_weights_file
from trainables.config.origins import splits_line
from trainables.config.pretrain import PretrainConfig
from trainables.data import Batch, Data, check_every_image
from trainables.files.epoch_log import write_log
from trainables.pretraining.finish import WeightsFiles
from trainables.pretraining.folder import BEST, Standing, go_on, identity, locked, save
from trainables.pretraining.judging import Judge, Judged
from trainables.pretraining.listener import Listener
from trainables.pretraining.loaded import loaded
from trainables.pretraining.processes import Leaving, Processes, joined
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


@dataclass(frozen=True)
class PretrainResult:
    """`history` has a line for each epoch: epoch, train_loss, train_accuracy, val_loss, val_accuracy, lr; with more than five
    classes val_top5, and with a moving average the weights' own val_loss_unaveraged and val_accuracy_unaveraged."""

    path: Path
    sha256: str
    val_accuracy: float
    test_accuracy: float | None
    """None where there is no test split."""
    history: tuple[dict[str, Any], ...]


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
        processes.first_does(lambda: check_every_image(config.data))
        parts = loaded(config, processes)
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
        if self.processes.is_first and done < self.config.epochs:
            self.board = PretrainingBoard(self.folder, self.standing.lines())
        if self.processes.is_first and done and self.standing.begun is None:
            self._mend()
        self.listener.start(done, self.config.epochs, self.steps)
        try:
            while len(self.standing.history) < self.config.epochs:
                self._epoch()
                if self.leaving.settle() and len(self.standing.history) < self.config.epochs:
                    raise KeyboardInterrupt(f"the same command goes on with epoch {len(self.standing.history) + 1}")
            return self._finish()
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
        if self.board is not None:
            self.board.epoch({**line, **times})
        self.listener.epoch({**line, **times})

    def _keep(self) -> None:
        """The checkpoint first: what else there is follows from it."""
        if not self.processes.is_first:
            return
        save(self.folder, self.trained, self.same, self.standing)
        if self.standing.best == len(self.standing.history) - 1:
            self.files.write_best(state_of(self.trained.kept), self.standing)

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
                raise WorkFailed(
                    f"pretraining {self.config.name} diverged ({error}); lower it", key="train.lr"
                ) from error
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
        if self.processes.is_first:
            save(self.folder, self.trained, self.same, self.standing)
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

    def _finish(self) -> PretrainResult | None:
        history, model = self.standing.history, self.trained.kept
        figures: dict[str, Any] = {"epoch": len(history), "val_accuracy": history[-1]["val_accuracy"]}
        if self.config.finish_with == "best":
            figures = self._take_best(model)
        figures["test_accuracy"] = None
        if self.data.sizes["test"]:
            figures["test_accuracy"] = self.judge.evaluate(model, "test", as_exported=True).accuracy
        if not self.processes.is_first:
            return self.processes.together(lambda: None)
        path, digest = self.processes.together(
            lambda: self.files.write_finished(state_of(model), self.standing, figures)
        )
        self.listener.tell(registered_line(path))
        return PretrainResult(path, digest, figures["val_accuracy"], figures["test_accuracy"], tuple(history))

    def _take_best(self, model: torch.nn.Module) -> dict[str, Any]:
        """Load them, and judge them as they are written."""
        first = self.processes.is_first
        best = self.processes.together(lambda: read_weights_file(self.folder / BEST) if first else None)
        model.load_state_dict(self.processes.tensors_from_first({} if best is None else best.state), strict=True)
        epoch = None if best is None or best.provenance is None else best.provenance.extra["pretrain"]["epoch"]
        val = self.judge.evaluate(model, "val", as_exported=True)
        return {"epoch": self.processes.from_first(epoch), "val_accuracy": val.accuracy}


def _is_tenth(epoch: int, epochs: int) -> bool:
    """Whether another tenth of all epochs is done with this one: products are told so often, not to fill the log."""
    return epoch * 10 // epochs > (epoch - 1) * 10 // epochs
