"""Mean |a| of the unit's activations over the calibration batches."""

from __future__ import annotations

from pruning.importance.activations import mean_of
from pruning.importance.base import Criterion, Evidence, Scores


def compute(evidence: Evidence) -> Scores:
    return mean_of(evidence, lambda a: a.abs())


ACTIVATION_L1 = Criterion("activation_l1", compute, needs_batches=True)
