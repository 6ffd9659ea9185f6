"""Sum |w| over all parameters tied to the unit (L1 of Li et al., ICLR 2017, arXiv 1608.08710, on whole groups)."""

from __future__ import annotations

from pruning.importance.base import Criterion, Evidence, Scores
from pruning.unit_sums import unit_sums


def compute(evidence: Evidence) -> Scores:
    return unit_sums(evidence.model, evidence.groups, lambda w: w.abs())


MAGNITUDE = Criterion("magnitude", compute)
