"""Uniform numbers from the given generator, in the order of the groups."""

from __future__ import annotations

import torch

from pruning.importance.base import Criterion, Evidence, Scores


def compute(evidence: Evidence) -> Scores:
    return {
        group.name: torch.rand(group.count, dtype=torch.float64, generator=evidence.generator)
        for group in evidence.groups
    }


RANDOM = Criterion("random", compute, needs_generator=True)
