"""How many images a second the loader gives by itself, the training takes by itself, and both do together."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from trainables.config.pretrain import PretrainConfig
from trainables.data import Batch, Data
from trainables.pretraining.judging import Judge
from trainables.pretraining.loaded import loaded
from trainables.pretraining.processes import Processes, joined
from trainables.pretraining.steps import Averaging
from trainables.pretraining.trained import Trained, spread
from trainables.seeds import derive, seed_everything
from trainables.training.optimizers import set_learning_rate

WARM_UP = 3
"""Steps before the time is taken: the first ones choose kernels, and fill what the loader has ready."""
MANY = 1_000_000
"""Steps that the optimiser is told are left."""
HELD_BACK = 1.1
"""The loader holds training back where a step alone is faster by more than this."""


@dataclass(frozen=True)
class Speeds:
    """Images a second, of all processes together; `evaluation` of the validation part."""

    loader: float
    training: float
    together: float
    evaluation: float
    images: int
    """Of an epoch."""
    processes: int

    @property
    def loader_holds_back(self) -> bool:
        return self.training > HELD_BACK * self.loader

    def epoch_seconds(self) -> float:
        """Training alone; evaluation comes to it."""
        return self.images / self.together


def measure(config: PretrainConfig, seconds: float) -> Speeds | None:
    """Each of the three for about so many seconds; writes nothing. None in every process but the first. Raises UserError."""
    with joined() as processes:
        parts = loaded(config, processes, lambda: False)
        spread(parts.trained, config, parts.data, processes)
        seed_everything(derive(config.seed, "epoch", 0))
        training_step = _Step(config, parts.trained, parts.data)
        loaded_batches, again = (_numbered(config, parts.data, processes) for _ in range(2))
        try:
            loader = _rate(lambda: training_step.images(next(loaded_batches)[1]), seconds, processes, parts.device)
            batch, number = next(_numbered(config, parts.data, processes))
            training = _rate(lambda: training_step.taken(batch, number), seconds, processes, parts.device)
            together = _rate(lambda: training_step.taken(*next(again)), seconds, processes, parts.device)
            evaluation = _evaluation(parts.trained, parts.judge)
        finally:
            parts.data.close()
        speeds = Speeds(loader, training, together, evaluation, parts.data.sizes["train"], processes.count)
        return speeds if processes.is_first else None


def _rate(work: Callable[[], int], seconds: float, processes: Processes, device: torch.device) -> float:
    """Of `work`, which gives how many images all processes have done in it together; they do it equally often. Told by the
    first."""
    for _ in range(WARM_UP):
        work()
    _wait_for(device)
    began, images, goes_on = time.perf_counter(), 0, True
    while goes_on:
        images += work()
        goes_on = bool(processes.from_first(time.perf_counter() - began < seconds))
    _wait_for(device)
    taken = time.perf_counter() - began
    return float(processes.from_first(images / taken))


class _Step:
    """Of training, the moving average's part too."""

    def __init__(self, config: PretrainConfig, trained: Trained, data: Data) -> None:
        self._trained, self._batch_size, self._all = trained, config.train.batch_size, data.sizes["train"]
        self._acting = Averaging(MANY, trained.network, trained.ema)
        self._steps = 0

    def images(self, number: int) -> int:
        """Of the batch of that number in its epoch, whoever of the processes has them: a small last one each has as a whole."""
        return min(self._batch_size, self._all - number * self._batch_size)

    def taken(self, batch: Batch, number: int) -> int:
        """Take it; gives the batch's images."""
        engine, (images, labels) = self._trained.engine, batch
        engine.model.train()
        # So small that repeating a batch moves nothing to where numbers overflow.
        set_learning_rate(engine.optimizer, 1e-9)
        engine.stepper.take(engine, engine.sample(images, labels), self._acting, number)
        self._acting.after_step(self._steps)
        self._steps += 1
        return self.images(number)


def _numbered(config: PretrainConfig, data: Data, processes: Processes) -> Iterator[tuple[Batch, int]]:
    """Batches of one epoch after the other, and each one's number in its epoch."""
    epoch = 0
    while True:
        seed = derive(config.seed, "epoch", epoch)
        batches = data.train_batches(config.train.batch_size, seed, share=processes.share)
        yield from ((batch, number) for number, batch in enumerate(batches))
        epoch += 1


def _evaluation(trained: Trained, judge: Judge) -> float:
    began = time.perf_counter()
    images = judge.evaluate(trained.kept, "val").images
    return images / (time.perf_counter() - began)


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
