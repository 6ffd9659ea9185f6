"""Units chosen together with the repair: a unit's score is what the layer's output has lost once it is gone.

Of each group the unit goes first that raises the least-squares error of the layer which reads it the least, then the one that
raises it the least *with the first gone and the layer solved again*, and so on to the last. The unit that goes k-th scores
the error by then, so scores grow in the order of removal, whatever the budget: under `layerwise` the first of that order go.
The error is a share of how much the layer's output varies (`solved_again.py`), between 0 and about 1, so that under `global`
every layer is cut to the same share of its output. Greedy order with downdates as in optimal brain compression (Frantar &
Alistarh, NeurIPS 2022, arXiv 2208.11580) and ZipLM (Kurtić et al., NeurIPS 2023, arXiv 2302.04089).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from pruning.importance.base import Evidence, Scores
from pruning.importance.downdates import Downdated
from pruning.importance.solved_again import layers_of_groups


def reconstruction(evidence: Evidence) -> Scores:
    layers = layers_of_groups(evidence)
    return {group.name: in_order_of_removal(layers[group.name], group.count) for group in evidence.groups}


def in_order_of_removal(layers: Sequence[Downdated], count: int) -> Tensor:
    """(count,): the error of all layers together after each unit's removal. Of equal units the later goes first."""
    scores, lost = torch.zeros(count, dtype=torch.float64), 0.0
    for _ in range(count):
        costs = torch.stack([layer.costs() for layer in layers]).sum(0)
        if bool(costs.isnan().any()):
            return torch.full_like(scores, torch.nan)
        unit = count - 1 - int(costs.flip(0).argmin())
        added = sum(layer.remove(unit) for layer in layers)
        lost = max(lost + added, math.nextafter(lost, math.inf))
        scores[unit] = lost
    return scores
