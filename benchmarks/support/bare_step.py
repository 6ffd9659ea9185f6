"""A training step as one writes it without prunetune: what the benchmarks' baselines have in common."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trainables.training.optimizers import set_learning_rate


def bare_step(
    model: nn.Module, optimiser: torch.optim.Optimizer, rate: float, images: Tensor, labels: Tensor, clip: float | None
) -> None:
    """One step on a batch at a learning rate; `clip` is the gradients' largest norm."""
    set_learning_rate(optimiser, rate)
    loss = nn.functional.cross_entropy(model(images), labels)
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(model.parameters(), clip or float("inf"))
    optimiser.step()
