"""What the layers that read each group's units take in, over the calibration images: the ground of scores by their outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from pruning.calibration import caught, on_device_of, undisturbed
from pruning.importance.base import Evidence, nothing_reads
from pruning.repair.readers import Reading, readings_of

Readings = Mapping[str, tuple[Reading, ...]]
"""Group name → the layers that read it; none for a group without units."""
Note = Callable[[Reading, Tensor], None]


def all_readings(evidence: Evidence) -> Readings:
    """Raises UserError for a group that no layer reads by weights of its own."""
    found = {}
    for group in evidence.groups:
        found[group.name] = readings_of(evidence.model, group) if group.count else ()
        if group.count and not found[group.name]:
            raise nothing_reads(group)
    return found


def pass_inputs(evidence: Evidence, readings: Readings, note: Note) -> None:
    """Run the calibration batches, and hand `note` every layer's inputs as (rows, inputs), float64, a part at a time."""
    layers = {one.name: one for reads in readings.values() for one in reads}

    def catch(name: str, values: Tensor) -> None:
        for rows in layers[name].rows(values):
            note(layers[name], rows.double())

    modules: dict[str, nn.Module] = {name: one.layer for name, one in layers.items()}
    with undisturbed(evidence.model), torch.no_grad(), caught(modules, catch):
        for images, labels in evidence.batches or ():
            evidence.model(on_device_of(evidence.model, images, labels)[0])
