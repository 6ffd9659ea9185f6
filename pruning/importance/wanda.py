"""Σ ‖x_j‖·‖w_·j‖ over the inputs j that the unit hands the layer which reads it.

Wanda (Sun et al., ICLR 2024, arXiv 2306.11695) scores a single weight by |w_ij|·‖x_j‖; here the norm over the outputs i, summed
over the unit's inputs: its features for a head, its places in the kernel for a channel. ‖x_j‖ is the root mean square over
the calibration images' rows, which their number does not change.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pruning.importance.base import Evidence, Scores
from pruning.importance.readings import all_readings, pass_inputs
from pruning.repair.readers import Reading


def wanda(evidence: Evidence) -> Scores:
    readings = all_readings(evidence)
    squares: dict[str, Tensor] = {}
    rows: dict[str, int] = {}

    def note(reading: Reading, inputs: Tensor) -> None:
        squares[reading.name] = squares.get(reading.name, 0.0) + inputs.square().sum(0)
        rows[reading.name] = rows.get(reading.name, 0) + len(inputs)

    pass_inputs(evidence, readings, note)
    scores = {group.name: torch.zeros(group.count, dtype=torch.float64) for group in evidence.groups}
    for name, layers in readings.items():
        for layer in layers:
            of_input = (squares[layer.name] / rows[layer.name]).sqrt() * layer.matrix.norm(dim=0)
            scores[name] += of_input[layer.columns].sum(dim=1).cpu()
    return scores
