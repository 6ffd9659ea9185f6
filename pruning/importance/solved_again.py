"""Each group's reading layers, ready to lose units and to be solved again each time: the ground of `obs` and `reconstruction`.

What is lost is told as a share of how much the layer's output varies over the calibration images; where several layers read
a group, as the mean of their shares. So it means the same in every group, and it is what the repair at removal
(`pruning/repair/`) minimises: where a layer has a bias, it takes the mean of what goes, and both are about the mean; else
about zero.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pruning.importance.base import Evidence
from pruning.importance.downdates import Downdated
from pruning.importance.readings import all_readings, pass_inputs
from pruning.repair.moments import Moments
from pruning.repair.readers import Reading
from pruning.repair.ridge import centred

RIDGE = 1e-4
"""Added to the Gram matrix's diagonal, relative to its mean: a layer may have fewer rows than inputs, or dead ones."""
ROUNDING = 1e-10
"""What varies by less than this share of its square is constant: far above the rounding of sums in double precision."""


def layers_of_groups(evidence: Evidence) -> dict[str, tuple[Downdated, ...]]:
    """Group name → the layers that read it; none for a group without units. What is not finite gives costs of nan."""
    readings = all_readings(evidence)
    moments: dict[str, Moments] = {}

    def note(reading: Reading, inputs: Tensor) -> None:
        found = Moments.of_inputs(inputs, len(reading.layer.weight))
        moments[reading.name] = moments[reading.name] + found if reading.name in moments else found

    pass_inputs(evidence, readings, note)
    return {
        name: tuple(_layer(one, moments[one.name], len(layers)) for one in layers) for name, layers in readings.items()
    }


def _layer(reading: Reading, moments: Moments, readers: int) -> Downdated:
    """One of so many readers of its group."""
    matrix, order = reading.matrix, reading.columns.flatten()
    gram, _ = centred(moments, reading.layer.bias is not None)
    varies = float((matrix * (matrix @ gram)).sum())
    rounding = ROUNDING * float((matrix * (matrix @ moments.gram)).sum())
    ridge = RIDGE * gram.diagonal().mean() + ROUNDING * moments.gram.diagonal().mean()
    # Without any input there is nothing to lose, and any ridge will do.
    ridge = torch.where(ridge == 0, 1.0, ridge)
    factor, _ = torch.linalg.cholesky_ex(gram + ridge * torch.eye(len(gram), dtype=gram.dtype, device=gram.device))
    inverse = torch.cholesky_inverse(factor)[order][:, order]
    share = 0.0 if varies <= rounding else 1.0 / math.sqrt(varies * readers)
    return Downdated(share * matrix[:, order], inverse, len(reading.columns))
