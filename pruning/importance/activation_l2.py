"""The root mean square of the unit's activations over the calibration batches."""

from __future__ import annotations

from pruning.importance.activations import mean_of
from pruning.importance.base import Criterion, Evidence, Scores


def compute(evidence: Evidence) -> Scores:
    return {name: mean.sqrt() for name, mean in mean_of(evidence, lambda a: a.square()).items()}


ACTIVATION_L2 = Criterion("activation_l2", compute, needs_batches=True)
