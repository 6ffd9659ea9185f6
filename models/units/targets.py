"""Whether a network has what a target asks for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from torch import nn

from models.errors import UserError
from models.units.base import KINDS_OF_TARGET, Target, UnitGroup, kinds_of_target
from models.units.reach import Reach, percent_of, reach_of, whole_text
from models.units.structure import WORDS, Kind


def check_target(target: Target, arch: str, model: nn.Module, groups: Iterable[UnitGroup]) -> Reach:
    """How far pruning reaches into `model`, whose groups are `groups`.

    Raises UserError where it lacks a kind of unit that the target asks for, with the target that would fit.
    """
    groups = tuple(groups)
    there = {group.kind for group in groups}
    reach = reach_of(model, groups)
    missing = tuple(kind for kind in kinds_of_target(target) if kind not in there)
    if not missing:
        return reach
    whole = whole_text(reach.whole_of(missing), reach.parameters)
    known = f" (left whole, of all parameters: {whole})" if whole else ""
    raise UserError(
        f"{target} needs {_and(missing)}, but {arch} has none that can be cut{known}; say target: {fitting_target(there)}",
        key="prune.target",
    )


def fitting_target(there: Collection[Kind]) -> Target:
    """The target that names most of the kinds that are there, and no other."""
    fitting = [target for target, kinds in KINDS_OF_TARGET.items() if set(kinds) <= set(there)]
    return max(fitting, key=lambda target: len(KINDS_OF_TARGET[target]))


def unreached_warning(target: Target, reach: Reach) -> tuple[str, ...]:
    """A line where blocks of the target's own kinds are left whole, so that it reaches less than its name says."""
    whole = reach.whole_of(kinds_of_target(target))
    if not whole:
        return ()
    reasons = ", ".join(dict.fromkeys(one.reason for one in whole))
    return (
        f"prune.target {target} leaves blocks whole: {whole_text(whole, reach.parameters)} of all parameters ({reasons}); "
        "judge what was removed by the share of all parameters or by MACs",
    )


def reach_text(target: Target, reach: Reach) -> str:
    """What a target can remove of a network and what stays, as shares of all parameters, for people."""
    kinds = kinds_of_target(target)
    size = sum(reach.prunable.get(kind, 0) for kind in kinds)
    text = f"target {target}: {_and(kinds)}, {percent_of(size, reach.parameters)} of all parameters"
    other = [kind for kind in reach.prunable if kind not in kinds]
    if other:
        size = sum(reach.prunable[kind] for kind in other)
        text += f"; not of the target: {_and(other)} ({percent_of(size, reach.parameters)})"
    whole = whole_text(reach.left_whole, reach.parameters)
    if whole:
        text += f"; left whole: {whole}"
    rest = percent_of(reach.rest, reach.parameters)
    return f"{text}; all else (stem, norms, other convolutions, classifier): {rest}"


def _and(kinds: Sequence[Kind]) -> str:
    return " and ".join(WORDS[kind] for kind in kinds)
