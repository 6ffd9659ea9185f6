"""How far pruning reaches into a network: the parameters that can go, by kind, and the blocks that are left whole."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from torch import nn

from models.units.base import UnitGroup
from models.units.describe import family_of
from models.units.lookalikes import kind_of_lookalike
from models.units.structure import KINDS, Kind

UNKNOWN = "a block that prunetune does not know how to cut"


@dataclass(frozen=True)
class LeftWhole:
    """`count` blocks of one class that are not cut, why not, and their parameters; `kind` is what they are made of."""

    kind: Kind
    block: str
    reason: str
    count: int
    parameters: int


@dataclass(frozen=True)
class Reach:
    """Of a network as it stands: all its parameters, those tied to units by kind, and what is left whole.

    What is in neither (`rest`) are embeddings, norms, convolutions outside such blocks, and the classifier.
    """

    parameters: int
    prunable: dict[Kind, int]
    left_whole: tuple[LeftWhole, ...]

    def whole_of(self, kinds: Collection[Kind]) -> tuple[LeftWhole, ...]:
        return tuple(one for one in self.left_whole if one.kind in kinds)

    @property
    def rest(self) -> int:
        return self.parameters - sum(self.prunable.values()) - sum(one.parameters for one in self.left_whole)

    def to_json(self) -> dict[str, Any]:
        return {
            "parameters": self.parameters,
            "prunable": dict(self.prunable),
            "left_whole": [dict(vars(one)) for one in self.left_whole],
        }


def reach_of(model: nn.Module, groups: Iterable[UnitGroup]) -> Reach:
    """`groups` are all that `model` has as it stands (none where nothing in it can be cut)."""
    sizes = {name: parameter.numel() for name, parameter in model.named_parameters()}
    tied: dict[str, Kind] = {
        one.tensor: group.kind for group in groups for one in group.slices if one.is_parameter and one.tensor in sizes
    }
    prunable: dict[Kind, int] = {
        kind: sum(sizes[tensor] for tensor, owner in tied.items() if owner == kind)
        for kind in KINDS
        if kind in tied.values()
    }
    return Reach(sum(sizes.values()), prunable, _left_whole(model, {n: s for n, s in sizes.items() if n not in tied}))


def _left_whole(model: nn.Module, free: dict[str, int]) -> tuple[LeftWhole, ...]:
    """The outermost blocks first, so that an attention's position bias is part of it; each parameter counts once."""
    found: dict[tuple[Kind, str, str], list[int]] = {}
    for name, module in model.named_modules():
        judged = _judge(module) if name else None
        if judged is None:
            continue
        own = [parameter for parameter in free if parameter.startswith(f"{name}.")]
        size = sum(free.pop(parameter) for parameter in own)
        if size:
            found.setdefault(judged, []).append(size)
    wholes = [LeftWhole(*key, count=len(sizes), parameters=sum(sizes)) for key, sizes in found.items()]
    return tuple(sorted(wholes, key=lambda one: -one.parameters))


def _judge(module: nn.Module) -> tuple[Kind, str, str] | None:
    """Kind, class and reason of a block that is left whole; None for one that is cut, and for what is no such block."""
    family = family_of(module)
    if family is None:
        kind, reason = kind_of_lookalike(module), UNKNOWN
    elif family.is_one(module):
        kind, reason = family.kind, family.why_whole(module) or ""
    else:
        return None
    return (kind, type(module).__name__, reason) if kind and reason else None


def whole_text(wholes: Iterable[LeftWhole], parameters: int) -> str:
    """`12 WindowAttention (30.6 %), 2 ClassAttn (2.5 %)`, shares of all `parameters`."""
    return ", ".join(f"{one.count} {one.block} ({percent_of(one.parameters, parameters)})" for one in wholes)


def percent_of(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %"
