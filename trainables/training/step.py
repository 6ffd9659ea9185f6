"""One training step: forward, loss, backward, and the optimiser's step, with what a state's method does in between.

Nothing in `one_step` reads a number back from the device, so the same function trains step by step and is captured whole
(`step_graph.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainables.config.train import TrainConfig
from trainables.training.precision import autocast

Batch = tuple[Tensor, Tensor]


class Acting(Protocol):
    """What besides the optimiser acts in a step. Whatever differs from one step to the next is set in `before_step`: a
    captured step repeats what `on_gradients` and `on_weights` do to tensors, and none of their Python."""

    def before_step(self, step: int) -> None:
        """The step of this number, counted within the state, is about to be taken."""

    def on_gradients(self) -> None:
        """The gradients are ready, and clipped."""

    def on_weights(self) -> None:
        """The weights have moved."""

    def after_step(self, step: int) -> None:
        """The step is done; may cut the network."""

    def steps_left(self, step: int) -> int:
        """From this step on, before the network is cut or the state ends."""


class Alone:
    """The optimiser acts alone, for `steps` steps in all."""

    def __init__(self, steps: int) -> None:
        self._steps = steps

    def before_step(self, step: int) -> None: ...

    def on_gradients(self) -> None: ...

    def on_weights(self) -> None: ...

    def after_step(self, step: int) -> None: ...

    def steps_left(self, step: int) -> int:
        return self._steps - step


@dataclass(frozen=True)
class Sample:
    """What a step sees: inputs (B, C, H, W), targets (B,) or soft (B, classes), and the labels (B,) before any mixing.

    Without mixing `targets` are the `labels` themselves.
    """

    inputs: Tensor
    targets: Tensor
    labels: Tensor

    def parts(self) -> tuple[Tensor, ...]:
        """Each tensor once."""
        return (self.inputs, self.labels) if self.targets is self.labels else (self.inputs, self.targets, self.labels)

    def copied(self) -> Sample:
        inputs, labels = self.inputs.clone(), self.labels.clone()
        return Sample(inputs, labels if self.targets is self.labels else self.targets.clone(), labels)

    def cut(self, pieces: int) -> list[Sample]:
        """The batch in so many pieces, whose sizes differ by one image at most; a piece is never empty."""
        if pieces == 1:
            return [self]
        cut = (tensor.tensor_split(pieces) for tensor in (self.inputs, self.targets, self.labels))
        mixed = self.targets is not self.labels
        return [
            Sample(inputs, targets if mixed else labels, labels) for inputs, targets, labels in zip(*cut, strict=True)
        ]


@dataclass(frozen=True)
class StepResult:
    """The loss, and how many of the batch were classified right before the step; scalars on the training device.

    `images`: of how many, where these are more than this process's sample has.
    """

    loss: Tensor
    correct: Tensor
    images: int | None = None


class Stepper(Protocol):
    """Takes the steps of a state, one by one."""

    def take(self, engine: Engine, sample: Sample, acting: Acting, step: int) -> StepResult: ...


class Eagerly:
    """Launches every operation of every step anew."""

    def take(self, engine: Engine, sample: Sample, acting: Acting, step: int) -> StepResult:
        return one_step(engine, sample, acting)


@dataclass
class Engine:
    """What an epoch trains with. The optimiser is replaced when the network is cut in the middle of a state."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    config: TrainConfig
    precision: str
    device: torch.device
    teacher: nn.Module | None = None
    mix: Callable[[Tensor, Tensor], Batch] | None = None
    stepper: Stepper = field(default_factory=Eagerly)
    micro_batches: int = 1
    """Into so many pieces each batch is cut, one after the other on the device; their gradients are added up."""
    smallest_piece: int = 1
    """Images of one. BatchNorm needs two."""

    def sample(self, images: Tensor, labels: Tensor) -> Sample:
        """A batch as a step sees it. Mixing leaves out the last image of an odd one."""
        if self.mix is None:
            return Sample(images, labels, labels)
        inputs, targets = self.mix(images, labels)
        return Sample(inputs, targets, labels[: len(inputs)])

    def pieces(self, sample: Sample) -> list[Sample]:
        most = max(1, len(sample.inputs) // self.smallest_piece)
        return sample.cut(min(self.micro_batches, most))


def one_step(engine: Engine, sample: Sample, acting: Acting, weight: float = 1.0) -> StepResult:
    """Move the weights by one step, at the learning rate that the optimiser holds; the gradient is `weight` times that of the
    loss that is told."""
    engine.optimizer.zero_grad(set_to_none=True)
    pieces = engine.pieces(sample)
    results = [_add_gradients(engine, piece, len(piece.inputs) / len(sample.inputs), weight) for piece in pieces]
    engine.scaler.unscale_(engine.optimizer)
    if engine.config.clip_grad_norm is not None:
        nn.utils.clip_grad_norm_(engine.model.parameters(), engine.config.clip_grad_norm)
    acting.on_gradients()
    engine.scaler.step(engine.optimizer)
    engine.scaler.update()
    acting.on_weights()
    if len(results) == 1:
        return results[0]
    losses, correct = ([getattr(one, name) for one in results] for name in ("loss", "correct"))
    return StepResult(torch.stack(losses).sum(), torch.stack(correct).sum())


def _add_gradients(engine: Engine, piece: Sample, share: float, weight: float) -> StepResult:
    """Those of a piece with that share of the batch's images. The loss is its part of the whole batch's."""
    # Entered and left here, whether or not the step is captured: the casts of weights that autocast keeps then live within one
    # step, and a captured step makes its own.
    with autocast(engine.precision, engine.device):
        logits = engine.model(piece.inputs)
        loss = _loss(engine, _in_full(logits), piece)
    if share < 1:
        loss = loss * share
    torch.autograd.backward(engine.scaler.scale(loss if weight == 1 else loss * weight))
    return StepResult(loss.detach(), (logits.detach().argmax(1) == piece.labels).sum())


def _in_full(logits: Tensor) -> Tensor:
    """In float32 at least."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def _loss(engine: Engine, logits: Tensor, sample: Sample) -> Tensor:
    loss = functional.cross_entropy(logits, sample.targets, label_smoothing=engine.config.label_smoothing)
    weight = engine.config.distill.weight
    if weight == 0 or engine.teacher is None:
        return loss
    temperature = engine.config.distill.temperature
    with torch.no_grad():
        taught = functional.log_softmax(_in_full(engine.teacher(sample.inputs)) / temperature, dim=1)
    learnt = functional.log_softmax(logits / temperature, dim=1)
    gap = functional.kl_div(learnt, taught, reduction="batchmean", log_target=True)
    return (1 - weight) * loss + weight * temperature**2 * gap
