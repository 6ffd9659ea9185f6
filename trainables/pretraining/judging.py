"""How good a network is on a part of the data: each process sees some of the images, and every image counts once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from trainables.data import Batch, Data
from trainables.pretraining.processes import Processes
from trainables.training.answers import EVALUATION_BATCH, counts_first_five, right_among_five, right_at_first
from trainables.training.precision import autocast, without_tf32


@dataclass(frozen=True)
class Judged:
    """Mean cross-entropy, and the shares of `images` whose class comes first, and among the first five; the last None where
    there are no more classes."""

    loss: float
    accuracy: float
    top5: float | None
    images: int


@dataclass(frozen=True)
class Judge:
    data: Data
    device: torch.device
    precision: str
    processes: Processes

    def evaluate(self, model: nn.Module, part: str, *, as_exported: bool = False) -> Judged:
        """In eval mode. `as_exported`: in float32, whatever it was trained in, as the network that is written."""
        batches = self.data.eval_batches(part, EVALUATION_BATCH, self.processes.share)
        was_training = model.training
        model.eval()
        try:
            if not as_exported:
                return self._judged(model, batches, self.precision)
            with without_tf32():
                return self._judged(model, batches, "float32")
        finally:
            model.train(was_training)

    @torch.no_grad()
    def _judged(self, model: nn.Module, batches: Iterable[Batch], precision: str) -> Judged:
        """Sums in float64, so that how the images were divided shows in no digit that is told."""
        more_than_five = counts_first_five(self.data.info.num_classes)
        losses, rights, amongs, seen = [], [], [], 0
        for images, labels in batches:
            with autocast(precision, self.device):
                logits = model(images).float()
            losses.append(functional.cross_entropy(logits, labels, reduction="sum").double())
            rights.append(right_at_first(logits, labels).double())
            if more_than_five:
                amongs.append(right_among_five(logits, labels).double())
            seen += len(labels)
        sums = [torch.stack(one).sum().item() if one else 0.0 for one in (losses, rights, amongs)]
        found = torch.tensor([*sums, seen], dtype=torch.float64)
        loss, right, among, count = self.processes.total(found).tolist()
        return Judged(loss / count, right / count, among / count if more_than_five else None, int(count))
