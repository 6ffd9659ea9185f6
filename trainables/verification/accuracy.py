"""How many images a network's own classifier gets right, by its first answer and by its first five."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from trainables.data import Data
from trainables.training.answers import EVALUATION_BATCH, counts_first_five, right_among_five, right_at_first
from trainables.training.precision import without_tf32

WORDS = {"val": "validation", "test": "test"}
"""For people: the parts that are evaluated."""
CLEARLY = 3.0
"""Standard errors above chance from which a classifier is said to know something."""
Progress = Callable[[str, int, int], None]
"""Part, images done, images in all."""


@dataclass(frozen=True)
class Accuracy:
    """Of one part; `top5` None where there are no more than five classes."""

    part: str
    images: int
    classes: int
    top1: float
    top5: float | None

    @property
    def above_chance(self) -> bool:
        chance = 1 / self.classes
        return self.top1 - chance > CLEARLY * math.sqrt(chance * (1 - chance) / self.images)

    def text(self) -> str:
        five = "" if self.top5 is None else f" (top-5 {100 * self.top5:.2f} %)"
        return f"top-1 {100 * self.top1:.2f} %{five} on {self.images:,} {WORDS[self.part]} images"

    def to_json(self) -> dict[str, Any]:
        return {"images": self.images, "top1": self.top1, "top5": self.top5, "above_chance": self.above_chance}


@torch.no_grad()
def accuracy(model: nn.Module, data: Data, part: str, progress: Progress) -> Accuracy:
    """In float32 and eval mode, on a part with at least one image."""
    model.eval()
    first = five = done = 0
    total, classes = data.sizes[part], data.info.num_classes
    with without_tf32():
        for images, labels in data.eval_batches(part, EVALUATION_BATCH):
            logits = model(images)
            first += int(right_at_first(logits, labels))
            if counts_first_five(classes):
                five += int(right_among_five(logits, labels))
            done += len(labels)
            progress(part, done, total)
    return Accuracy(part, done, classes, first / done, five / done if counts_first_five(classes) else None)
