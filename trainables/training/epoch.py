"""One epoch of training and one pass of evaluation; knows nothing of states, pruning or files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainables.training.optimizers import set_learning_rate
from trainables.training.precision import autocast, without_tf32
from trainables.training.step import Acting, Alone, Batch, Engine

CHECK_EVERY = 25
"""Steps between looks at the loss: looking makes the CPU wait for the GPU."""


class Diverged(Exception):
    """The loss stopped being a usable number at `step` (counted within the state)."""

    def __init__(self, step: int, loss: float, of: str = "training") -> None:
        super().__init__(f"{of} loss {loss:g} at step {step} of the state")
        self.step = step
        self.loss = loss


@dataclass(frozen=True)
class EpochResult:
    loss: float
    accuracy: float
    """On the training batches as they were seen, before each step; against the hard labels."""
    images: int


@dataclass(frozen=True)
class Evaluation:
    loss: float
    accuracy: float
    predictions: Tensor
    labels: Tensor


def train_epoch(
    engine: Engine, batches: Iterable[Batch], rates: tuple[float, ...], first_step: int, acting: Acting | None = None
) -> EpochResult:
    """Train on the batches; `rates[step]` is the learning rate of each step of the state, `first_step` where it stands.

    `acting` is what else acts in a step; by default nothing. Raises Diverged when the loss is not finite or above
    `diverged_loss`.
    """
    acting = Alone(len(rates)) if acting is None else acting
    losses: list[Tensor] = []
    correct: list[Tensor] = []
    sizes: list[int] = []
    checked = 0
    engine.model.train()
    for offset, (images, labels) in enumerate(batches):
        step = first_step + offset
        sample = engine.sample(images, labels)
        set_learning_rate(engine.optimizer, rates[step])
        acting.before_step(step)
        result = engine.stepper.take(engine, sample, acting, step)
        losses.append(result.loss)
        sizes.append(len(sample.inputs))
        correct.append(result.correct)
        if len(losses) - checked >= CHECK_EVERY:
            _check(losses[checked:], first_step + checked, engine.config.diverged_loss)
            checked = len(losses)
        acting.after_step(step)
    if not losses:
        raise ValueError("an epoch without a single batch")
    _check(losses[checked:], first_step + checked, engine.config.diverged_loss)
    images_seen = sum(sizes)
    total = sum(loss * size for loss, size in zip(torch.stack(losses).tolist(), sizes, strict=True))
    return EpochResult(total / images_seen, torch.stack(correct).sum().item() / images_seen, images_seen)


def _check(losses: list[Tensor], first_step: int, limit: float) -> None:
    for offset, value in enumerate(torch.stack(losses).tolist() if losses else []):
        if not abs(value) <= limit:
            raise Diverged(first_step + offset, value)


@torch.no_grad()
def evaluate(model: nn.Module, batches: Iterable[Batch], precision: str, device: torch.device) -> Evaluation:
    """Mean cross-entropy and accuracy in eval mode, with every prediction (int64, on the CPU, in the data's order)."""
    was_training = model.training
    model.eval()
    losses, predictions, labels_seen = [], [], []
    for images, labels in batches:
        with autocast(precision, device):
            logits = model(images).float()
        losses.append(functional.cross_entropy(logits, labels, reduction="sum").double())
        predictions.append(logits.argmax(1))
        labels_seen.append(labels)
    model.train(was_training)
    predicted, truth = torch.cat(predictions).cpu(), torch.cat(labels_seen).cpu()
    mean_loss = torch.stack(losses).sum().item() / len(truth)
    return Evaluation(mean_loss, (predicted == truth).double().mean().item(), predicted, truth)


def evaluate_as_exported(model: nn.Module, batches: Iterable[Batch], device: torch.device) -> Evaluation:
    """The same in float32, whatever the network was trained in: what is reported is the network that is written."""
    with without_tf32():
        return evaluate(model, batches, "float32", device)
