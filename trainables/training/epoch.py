"""One epoch of training and one pass of evaluation; knows nothing of states, pruning or files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainables.training.optimizers import set_learning_rate
from trainables.training.precision import autocast, without_tf32
from trainables.training.step import Acting, Alone, Batch, Engine, StepResult

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


@dataclass
class Tally:
    """What an epoch's steps so far have found: each one's loss, how many images it had right, and how many it had."""

    losses: list[Tensor] = field(default_factory=list)
    """Scalars on the training device, like `correct`."""
    correct: list[Tensor] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    checked: int = 0
    """Steps whose loss has been looked at."""

    @property
    def steps(self) -> int:
        return len(self.losses)

    def add(self, result: StepResult, images: int) -> None:
        self.losses.append(result.loss)
        self.correct.append(result.correct)
        self.sizes.append(images)

    def check(self, first_step: int, limit: float) -> None:
        """Look at what has not been looked at; raises Diverged. `first_step`: the epoch's first, counted within the state."""
        unseen = self.losses[self.checked :]
        for offset, value in enumerate(torch.stack(unseen).tolist() if unseen else []):
            if not abs(value) <= limit:
                raise Diverged(first_step + self.checked + offset, value)
        self.checked = self.steps

    def result(self) -> EpochResult:
        if not self.losses:
            raise ValueError("an epoch without a single batch")
        images = sum(self.sizes)
        total = sum(loss * size for loss, size in zip(torch.stack(self.losses).tolist(), self.sizes, strict=True))
        return EpochResult(total / images, torch.stack(self.correct).sum().item() / images, images)

    def tensors(self) -> dict[str, Tensor]:
        """One of each kind, of as many entries as steps."""
        return {
            "losses": torch.stack(self.losses),
            "correct": torch.stack(self.correct),
            "sizes": torch.tensor(self.sizes, dtype=torch.int64),
        }

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor], device: torch.device) -> Self:
        """What `tensors` gave; every loss in it was looked at."""
        losses, correct = (list(tensors[name].to(device)) for name in ("losses", "correct"))
        return cls(losses, correct, tensors["sizes"].tolist(), len(losses))


def train_epoch(
    engine: Engine, batches: Iterable[Batch], rates: tuple[float, ...], first_step: int, acting: Acting | None = None
) -> EpochResult:
    """Train on the batches; `rates[step]` is the learning rate of each step of the state, `first_step` where it stands.

    `acting` is what else acts in a step; by default nothing. Raises Diverged when the loss is not finite or above
    `diverged_loss`.
    """
    tally = Tally()
    train_steps(engine, batches, rates, first_step, tally, acting or Alone(len(rates)))
    return tally.result()


def train_steps(
    engine: Engine,
    batches: Iterable[Batch],
    rates: tuple[float, ...],
    first_step: int,
    tally: Tally,
    acting: Acting,
    pause: Callable[[], bool] = lambda: False,
) -> None:
    """`train_epoch` from the step that `tally` has come to, until the batches end or `pause`, asked after each, says so.

    An iterator of batches may then be gone on with.
    """
    engine.model.train()
    for images, labels in batches:
        step = first_step + tally.steps
        sample = engine.sample(images, labels)
        set_learning_rate(engine.optimizer, rates[step])
        acting.before_step(step)
        result = engine.stepper.take(engine, sample, acting, step)
        tally.add(result, result.images or len(sample.inputs))
        if tally.steps - tally.checked >= CHECK_EVERY:
            tally.check(first_step, engine.config.diverged_loss)
        acting.after_step(step)
        if pause():
            break
    tally.check(first_step, engine.config.diverged_loss)


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
