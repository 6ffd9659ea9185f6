"""The Euclidean norm of all parameters tied to the unit."""

from __future__ import annotations

from pruning.importance.base import Criterion, Evidence, Scores
from pruning.unit_sums import unit_sums


def compute(evidence: Evidence) -> Scores:
    squares = unit_sums(evidence.model, evidence.groups, lambda w: w.double().square())
    return {name: total.sqrt() for name, total in squares.items()}


L2 = Criterion("l2", compute)
