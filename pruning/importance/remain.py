"""The number of the unit's weights that survive under the unstructured magnitude mask (Refill's own criterion)."""

from __future__ import annotations

from pruning.imp_mask import surviving
from pruning.importance.base import Criterion, Evidence, Scores


def compute(evidence: Evidence) -> Scores:
    if evidence.masks is None:
        raise ValueError("remain needs masks")
    return surviving(evidence.model, evidence.groups, evidence.masks)


REMAIN = Criterion("remain", compute, needs_masks=True)
