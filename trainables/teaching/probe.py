"""Does a teacher know the images' classes? No statistic of its weights says so, and no count of its outputs."""

from __future__ import annotations

import math

import torch
from torch import nn

from models.errors import UserError
from trainables.config.distill import TEACHER_KEY
from trainables.data.base import Data
from trainables.teaching.knowledge import Knowledge
from trainables.training.epoch import evaluate_as_exported

PROBE_BATCH, PROBE_IMAGES = 64, 320


def knowledge_of(teacher: nn.Module, data: Data, device: torch.device) -> Knowledge:
    """Of a teacher on `device` that takes the data's own batches.

    UserError where it does not give one output for each class, or one that is not finite.
    """
    batches = data.calibration_batches(PROBE_BATCH, images=PROBE_IMAGES)
    with torch.no_grad():
        logits = teacher.eval()(batches[0][0])
    expected = (len(batches[0][0]), data.info.num_classes)
    if tuple(logits.shape) != expected or not bool(torch.isfinite(logits).all()):
        found = f"shape {tuple(logits.shape)}" if tuple(logits.shape) != expected else "values that are not finite"
        raise UserError(
            f"its outputs have {found}, expected one finite number for each of {expected[1]} classes; name another teacher",
            key=TEACHER_KEY,
        )
    seen = evaluate_as_exported(teacher, batches, device)
    right = seen.predictions == seen.labels
    guessed = seen.labels == torch.mode(seen.labels).values
    difference, count = right.double() - guessed.double(), len(seen.labels)
    error = float(difference.std()) / math.sqrt(count) if count > 1 else math.inf
    return Knowledge(float(right.double().mean()), float(guessed.double().mean()), error, count)
