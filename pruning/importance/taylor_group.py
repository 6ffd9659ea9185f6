"""(Σ w·∂L/∂w)² over all parameters tied to the unit, L the mean loss over the calibration batches.

The squared first-order estimate of what removing the whole unit costs, in the form that Molchanov et al. (CVPR 2019, arXiv
1906.10771, eq. 8) give for groups: what some of its weights would gain and others lose cancels, which `taylor` does not let it.
"""

from __future__ import annotations

from pruning.importance.base import Evidence, Scores
from pruning.importance.taylor import mean_gradients
from pruning.unit_sums import sum_by_unit


def taylor_group(evidence: Evidence) -> Scores:
    gradients = mean_gradients(evidence)
    parameters = dict(evidence.model.named_parameters())
    sums = sum_by_unit(evidence.groups, lambda name: parameters[name].detach().double() * gradients[name].double())
    return {name: total.square() for name, total in sums.items()}
