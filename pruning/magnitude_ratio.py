"""How much smaller the units about to go are than those that stay: the sign that a penalty acts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import nn

from models.units.base import UnitGroup
from pruning.unit_sums import unit_sizes, unit_sums


@dataclass(frozen=True)
class MagnitudeRatio:
    """Kept over dropped, per element of the tied parameters: mean |w| and rms w; inf where the dropped are 0."""

    mean: float
    rms: float


def magnitude_ratio(
    model: nn.Module, groups: Sequence[UnitGroup], positions: Mapping[str, Sequence[int]]
) -> MagnitudeRatio | None:
    """The ratio within the groups that lose units at these positions; None where nothing is dropped or nothing kept.

    1 is what random units of like size show; it grows without bound as the dropped ones shrink.
    """
    touched = [group for group in groups if positions.get(group.name)]
    absolute, squared = unit_sums(model, touched, lambda w: w.abs()), unit_sums(model, touched, lambda w: w.square())
    sizes = unit_sizes(model, touched)
    kept, gone = [0.0, 0.0, 0], [0.0, 0.0, 0]
    for group in touched:
        dropped = set(positions[group.name])
        for unit in range(group.count):
            side = gone if unit in dropped else kept
            side[0] += float(absolute[group.name][unit])
            side[1] += float(squared[group.name][unit])
            side[2] += sizes[group.name]
    if not kept[2] or not gone[2]:
        return None
    mean = _over(kept[0] / kept[2], gone[0] / gone[2])
    rms = math.sqrt(_over(kept[1] / kept[2], gone[1] / gone[2]))
    return MagnitudeRatio(mean, rms)


def _over(kept: float, gone: float) -> float:
    return kept / gone if gone > 0.0 else math.inf
