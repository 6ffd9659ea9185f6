"""A kind of unit that lies across the blocks of a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import nn

from models.units.base import UnitGroup

Counts = Mapping[str, int]
"""Group name → the units that are left in it."""


@dataclass(frozen=True)
class Across:
    """`groups_of(model)` describes its groups in a network as it stands, and `why_not(model)` says why there can be none, or
    None. `after_cut(model, counts)` brings modules whose tensors were just cut in line with them."""

    groups_of: Callable[[nn.Module], tuple[UnitGroup, ...]]
    why_not: Callable[[nn.Module], str | None]
    after_cut: Callable[[nn.Module, Counts], None]
