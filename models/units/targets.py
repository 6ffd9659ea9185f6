"""Whether a network has what a target asks for, and how far pruning reaches into it."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from torch import nn

from models.errors import UserError
from models.units.base import UnitGroup
from models.units.describe import family_of, why_whole
from models.units.lookalikes import kind_of_lookalike
from models.units.reach import LeftWhole, Reach, named, whole_text
from models.units.structure import KINDS, KINDS_OF_TARGET, Kind, Target

UNKNOWN = "a block that prunetune does not know how to cut"


def check_target(target: Target, arch: str, model: nn.Module, groups: Iterable[UnitGroup]) -> Reach:
    """How far pruning reaches into `model`, whose groups are `groups`.

    Raises UserError where it lacks a kind of unit that the target asks for, with the target that would fit.
    """
    reach = reach_of(model, groups)
    missing = tuple(kind for kind in KINDS_OF_TARGET[target] if kind not in reach.prunable)
    if not missing:
        return reach
    whole = whole_text(reach.whole_of(missing), reach.parameters)
    known = f" (left whole, of all parameters: {whole})" if whole else ""
    raise UserError(
        f"{target} needs {named(missing)}, but {arch} has none that can be cut{known}; "
        f"say target: {fitting_target(reach.prunable)}",
        key="prune.target",
    )


def fitting_target(there: Collection[Kind]) -> Target:
    """The target that names most of the kinds that are there, and no other."""
    fitting = [target for target, kinds in KINDS_OF_TARGET.items() if set(kinds) <= set(there)]
    return max(fitting, key=lambda target: len(KINDS_OF_TARGET[target]))


def reach_of(model: nn.Module, groups: Iterable[UnitGroup]) -> Reach:
    """`groups` are all that `model` has as it stands (none where nothing in it can be cut)."""
    sizes = {name: parameter.numel() for name, parameter in model.named_parameters()}
    tied = {one.tensor: group.kind for group in groups for one in group.slices if one.is_parameter}
    prunable: dict[Kind, int] = {
        kind: sum(sizes.get(tensor, 0) for tensor, owner in tied.items() if owner == kind)
        for kind in KINDS
        if kind in tied.values()
    }
    free = {name: size for name, size in sizes.items() if name not in tied}
    return Reach(sum(sizes.values()), prunable, _left_whole(model, free))


def _left_whole(model: nn.Module, free: dict[str, int]) -> tuple[LeftWhole, ...]:
    """The outermost blocks first, so that an attention's position bias is part of it; each parameter counts once."""
    found: dict[tuple[Kind, str, str], list[int]] = {}
    for name, module in model.named_modules():
        judged = _judge(module, model) if name else None
        if judged is None:
            continue
        own = [parameter for parameter in free if parameter.startswith(f"{name}.")]
        size = sum(free.pop(parameter) for parameter in own)
        if size:
            found.setdefault(judged, []).append(size)
    wholes = [LeftWhole(*key, count=len(sizes), parameters=sum(sizes)) for key, sizes in found.items()]
    return tuple(sorted(wholes, key=lambda one: -one.parameters))


def _judge(module: nn.Module, model: nn.Module) -> tuple[Kind, str, str] | None:
    """Kind, class and reason of a block that is left whole; None for one that is cut, and for what is no such block."""
    family = family_of(module)
    if family is None:
        kind, reason = kind_of_lookalike(module), UNKNOWN
    elif family.is_one(module):
        kind, reason = family.kind, why_whole(family, module, model) or ""
    else:
        return None
    return (kind, type(module).__name__, reason) if kind and reason else None
