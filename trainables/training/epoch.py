"""One epoch of training and one pass of evaluation; knows nothing of states, pruning or files."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainables.config.train import TrainConfig
from trainables.training.optimizers import set_learning_rate
from trainables.training.precision import autocast, without_tf32

CHECK_EVERY = 25
"""Steps between looks at the loss: looking makes the CPU wait for the GPU."""

Batch = tuple[Tensor, Tensor]


class Diverged(Exception):
    """The loss stopped being a usable number at `step` (counted within the state)."""

    def __init__(self, step: int, loss: float, of: str = "training") -> None:
        super().__init__(f"{of} loss {loss:g} at step {step} of the state")
        self.step = step
        self.loss = loss


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
    engine: Engine,
    batches: Iterable[Batch],
    rates: tuple[float, ...],
    first_step: int,
    before_step: Callable[[int], None] | None = None,
    after_step: Callable[[int], None] | None = None,
) -> EpochResult:
    """Train on the batches; `rates[step]` is the learning rate of each step of the state, `first_step` where it stands.

    `before_step` runs when the gradients are ready, `after_step` when the weights have moved; they may cut the network.
    Raises Diverged when the loss is not finite or above `diverged_loss`.
    """
    losses: list[Tensor] = []
    correct: list[Tensor] = []
    sizes: list[int] = []
    checked = 0
    engine.model.train()
    for offset, (images, labels) in enumerate(batches):
        step = first_step + offset
        set_learning_rate(engine.optimizer, rates[step])
        inputs, targets = (images, labels) if engine.mix is None else engine.mix(images, labels)
        with autocast(engine.precision, engine.device):
            logits = engine.model(inputs)
            loss = _loss(engine, logits.float(), inputs, targets)
        engine.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(engine.scaler.scale(loss))
        engine.scaler.unscale_(engine.optimizer)
        if engine.config.clip_grad_norm is not None:
            nn.utils.clip_grad_norm_(engine.model.parameters(), engine.config.clip_grad_norm)
        if before_step is not None:
            before_step(step)
        engine.scaler.step(engine.optimizer)
        engine.scaler.update()
        losses.append(loss.detach())
        sizes.append(len(inputs))
        correct.append((logits.detach().argmax(1) == labels[: len(inputs)]).sum())
        if len(losses) - checked >= CHECK_EVERY:
            _check(losses[checked:], first_step + checked, engine.config.diverged_loss)
            checked = len(losses)
        if after_step is not None:
            after_step(step)
    if not losses:
        raise ValueError("an epoch without a single batch")
    _check(losses[checked:], first_step + checked, engine.config.diverged_loss)
    images_seen = sum(sizes)
    total = sum(loss * size for loss, size in zip(torch.stack(losses).tolist(), sizes, strict=True))
    return EpochResult(total / images_seen, torch.stack(correct).sum().item() / images_seen, images_seen)


def _loss(engine: Engine, logits: Tensor, inputs: Tensor, targets: Tensor) -> Tensor:
    loss = functional.cross_entropy(logits, targets, label_smoothing=engine.config.label_smoothing)
    weight = engine.config.distill.weight
    if weight == 0 or engine.teacher is None:
        return loss
    temperature = engine.config.distill.temperature
    with torch.no_grad():
        taught = functional.log_softmax(engine.teacher(inputs).float() / temperature, dim=1)
    learnt = functional.log_softmax(logits / temperature, dim=1)
    gap = functional.kl_div(learnt, taught, reduction="batchmean", log_target=True)
    return (1 - weight) * loss + weight * temperature**2 * gap


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
