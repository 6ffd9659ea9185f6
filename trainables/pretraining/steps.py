"""The steps of a pretraining in several processes: each takes its share of a batch, and all move by its gradient."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from timm.utils.model_ema import ModelEmaV3
from torch import nn

from trainables.data.shares import Share
from trainables.pretraining.processes import Processes
from trainables.pretraining.synchronised import Apart
from trainables.training.step import Acting, Alone, Engine, Sample, StepResult, one_step


@dataclass(frozen=True)
class Shared:
    """A `Stepper`. Loss and accuracy it gives are the whole batch's, in every process the same.

    The engine's model takes the mean of the processes' gradients. `images_of_step`: how many the batch has before mixing.
    """

    processes: Processes
    share: Share
    images_of_step: Callable[[int], int]
    synchronised: Apart

    def take(self, engine: Engine, sample: Sample, acting: Acting, step: int) -> StepResult:
        images, own = self.images_of_step(step), len(sample.inputs)
        divided = self.share.divides(images)
        if sample.targets is not sample.labels:
            images -= images % 2
        with nullcontext() if divided else self.synchronised.apart():
            result = one_step(engine, sample, acting, self.share.weight(own, images))
        if not divided:
            return result
        found = self.processes.total(torch.stack([result.loss.double() * own, result.correct.double()]))
        return StepResult((found[0] / images).to(result.loss.dtype), found[1].to(result.correct.dtype), images)


class Averaging(Alone):
    """The optimiser acts alone, for `steps` steps in all, and after each the moving average of the weights follows."""

    def __init__(self, steps: int, network: nn.Module, ema: ModelEmaV3 | None) -> None:
        super().__init__(steps)
        self._network, self._ema = network, ema

    def after_step(self, step: int) -> None:
        if self._ema is not None:
            # timm counts from 1, and takes the weights as they are after the first.
            self._ema.update(self._network, step + 1)
