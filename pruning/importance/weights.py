"""Scores that need no data: from the weights tied to a unit, from the masks on them, or from chance."""

from __future__ import annotations

import torch

from pruning.imp_mask import surviving
from pruning.importance.base import Evidence, Scores
from pruning.unit_sums import unit_sums


def magnitude(evidence: Evidence) -> Scores:
    """Sum |w| over all parameters tied to the unit (L1 of Li et al., ICLR 2017, arXiv 1608.08710, on whole groups)."""
    return unit_sums(evidence.model, evidence.groups, lambda w: w.abs())


def l2(evidence: Evidence) -> Scores:
    """The Euclidean norm of all parameters tied to the unit."""
    squares = unit_sums(evidence.model, evidence.groups, lambda w: w.double().square())
    return {name: total.sqrt() for name, total in squares.items()}


def remain(evidence: Evidence) -> Scores:
    """The number of the unit's weights that survive under the unstructured magnitude mask (Refill's own criterion)."""
    if evidence.masks is None:
        raise ValueError("remain needs masks")
    return surviving(evidence.model, evidence.groups, evidence.masks)


def random(evidence: Evidence) -> Scores:
    """Uniform numbers from the given generator, in the order of the groups."""
    return {
        group.name: torch.rand(group.count, dtype=torch.float64, generator=evidence.generator)
        for group in evidence.groups
    }
