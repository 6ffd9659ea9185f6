"""How a classifier's answers are counted wherever a network is evaluated: right at first, and right among the first five."""

from __future__ import annotations

from torch import Tensor

EVALUATION_BATCH = 256
"""Images at a time; larger where larger batches are trained on."""
FIRST_FIVE = 5


def counts_first_five(classes: int) -> bool:
    """Whether a second accuracy, the class among the first five answers, says anything."""
    return classes > FIRST_FIVE


def right_at_first(logits: Tensor, labels: Tensor) -> Tensor:
    """How many of a batch, a scalar on its device."""
    return (logits.argmax(1) == labels).sum()


def right_among_five(logits: Tensor, labels: Tensor) -> Tensor:
    """How many of a batch, of more than five classes; a scalar on its device."""
    return logits.topk(FIRST_FIVE, dim=1).indices.eq(labels.view(-1, 1)).sum()
