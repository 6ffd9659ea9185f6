"""The sum of the distances of a unit's weights, as one vector, to those of all other units of its group.

A unit near the geometric median of its group is the one that the others can stand in for (FPGM, He et al., CVPR 2019, arXiv
1811.00250, eq. 5, there on the filters of a convolution alone, here on all parameters tied to the unit).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from models.errors import UserError
from models.units.base import UnitGroup
from models.units.structure import WORDS
from pruning.importance.base import Evidence, Scores


def fpgm(evidence: Evidence) -> Scores:
    parameters = dict(evidence.model.named_parameters())
    scores = {}
    for group in evidence.groups:
        vectors = unit_vectors(parameters, group)
        scores[group.name] = torch.cdist(vectors, vectors).sum(dim=1).cpu()
    return scores


def unit_vectors(parameters: Mapping[str, nn.Parameter], group: UnitGroup) -> Tensor:
    """(count, elements) float64: every parameter tied to each unit, in the same order for all of them.

    Raises UserError for units that hold tensors of their own, which need not be alike.
    """
    parts = []
    for tied in group.slices:
        if tied.unit is not None:
            raise UserError(
                f"fpgm compares units weight by weight, and {WORDS[group.kind]} hold different weights; choose another "
                "criterion, such as taylor",
                key="prune.criterion",
            )
        if tied.is_parameter:
            values = parameters[tied.tensor].detach().double().movedim(tied.dim, 0)
            parts.append(values[tied.index.to(values.device)].flatten(1))
    return torch.cat(parts, dim=1)
