"""Whether a network has what a target asks for, and how far pruning reaches into it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torch import nn

from models.cost import count_parameters, prunable_parameters
from models.errors import UserError
from models.units.across.registry import why_not_across
from models.units.base import UnitGroup
from models.units.describe import family_of, own_plan, untraced_words, why_whole
from models.units.lookalikes import kind_of_lookalike
from models.units.reach import LeftWhole, Reach, named, whole_text
from models.units.structure import KINDS, SHORT_FORMS, WORDS, Kind, Target, kinds_of, target_text
from models.units.traced.plan import Plan

UNKNOWN = "a block that prunetune does not know how to cut"


def check_target(target: Target, arch: str, model: nn.Module, groups: Iterable[UnitGroup]) -> Reach:
    """How far pruning reaches into `model`, whose groups are `groups`.

    Raises UserError where it lacks a kind of unit that the target asks for, with the target that would fit.
    """
    groups = tuple(groups)
    reach = reach_of(model, groups, target)
    missing = tuple(kind for kind in kinds_of(target) if kind not in reach.prunable)
    if not missing:
        return reach
    raise UserError(
        f"{target_text(target)} needs {named(missing)}, but {arch} has none that can be cut{_why_none(missing, model, reach)}; "
        f"say target: {_as_written(fitting_target(reach.prunable, target))}",
        key="prune.target",
    )


def _why_none(missing: Sequence[Kind], model: nn.Module, reach: Reach) -> str:
    """What is known of why a network has no units of these kinds that can be cut, in brackets."""
    own = own_plan(model) is not None
    whole = whole_text(reach.whole_of(missing), reach.parameters, why=own)
    reasons = [f"left whole, of all parameters: {whole}"] if whole else []
    reasons += [f"{WORDS[kind]}: {why}" for kind in missing if (why := why_not_across(model, kind))]
    return f" ({'; '.join(reasons)})" if reasons else ""


def fitting_target(there: Iterable[Kind], asked: Target = "both") -> Target:
    """Of a list that was asked for, the kinds that are there; else the word that names most of them, and no other."""
    present = frozenset(there)
    if not isinstance(asked, str) and (left := tuple(kind for kind in kinds_of(asked) if kind in present)):
        return left
    fitting = [word for word, kinds in SHORT_FORMS.items() if present.issuperset(kinds)]
    return max(fitting, key=lambda word: len(SHORT_FORMS[word]))


def _as_written(target: Target) -> str:
    return target if isinstance(target, str) else f"[{', '.join(target)}]"


def reach_of(model: nn.Module, groups: Iterable[UnitGroup], target: Target | None = None) -> Reach:
    """`groups` are all that `model` has as it stands (none where nothing in it can be cut); `target` None stands for all of
    their kinds."""
    groups = tuple(groups)
    asked = KINDS if target is None else kinds_of(target)
    kinds = [kind for kind in KINDS if any(group.kind == kind for group in groups)]
    tied = {one.tensor for group in groups for one in group.slices if one.is_parameter}
    free = {name: parameter.numel() for name, parameter in model.named_parameters() if name not in tied}
    return Reach(
        parameters=count_parameters(model),
        prunable={kind: _of_kinds(model, groups, (kind,)) for kind in kinds},
        prunable_parameters=_of_kinds(model, groups, asked),
        tied_parameters=prunable_parameters(model, groups),
        left_whole=_left_whole(model, free),
    )


def _of_kinds(model: nn.Module, groups: Sequence[UnitGroup], kinds: Sequence[Kind]) -> int:
    """Parameters that are tied to units of these kinds, each once."""
    return prunable_parameters(model, [group for group in groups if group.kind in kinds])


def _left_whole(model: nn.Module, free: dict[str, int]) -> tuple[LeftWhole, ...]:
    """The outermost blocks first, so that an attention's position bias is part of it; each parameter counts once."""
    found: dict[tuple[Kind, str, str], list[int]] = {}
    plan = own_plan(model)
    for name, module in model.named_modules():
        judged = _judge(name, module, model, plan) if name else None
        if judged is None or (plan is not None and _is_tied(name, module, free)):
            continue
        own = [parameter for parameter in free if parameter.startswith(f"{name}.")]
        size = sum(free.pop(parameter) for parameter in own)
        if size:
            found.setdefault(judged, []).append(size)
    if plan is not None and plan.untraced is not None and (size := _of_layers(model, free)):
        found[("channel", type(model).__name__, untraced_words(plan))] = [size]
    wholes = [LeftWhole(*key, count=len(sizes), parameters=sum(sizes)) for key, sizes in found.items()]
    return tuple(sorted(wholes, key=lambda one: -one.parameters))


def _is_tied(name: str, layer: nn.Module, free: dict[str, int]) -> bool:
    """Whether it is a layer that reads units that can go, so that it is cut with them."""
    return "weight" in layer._parameters and f"{name}.weight" not in free


def _of_layers(model: nn.Module, free: dict[str, int]) -> int:
    """Parameters of layers that make their outputs from all inputs, of those that are `free`."""
    layers = [name for name, module in model.named_modules() if isinstance(module, nn.Linear | nn.Conv2d)]
    return sum(size for name, size in free.items() if name.rpartition(".")[0] in layers)


def _judge(name: str, module: nn.Module, model: nn.Module, plan: Plan | None) -> tuple[Kind, str, str] | None:
    """Kind, class and reason of a block that is left whole; None for one that is cut, and for what is no such block. `plan` is
    that of a user's own network, by whose layers it is told."""
    family = family_of(module)
    if family is None and plan is not None:
        whole = plan.whole.get(name)
        kind, reason = (None, "") if whole is None else (whole.kind, whole.reason)
    elif family is None:
        kind, reason = kind_of_lookalike(module), UNKNOWN
    elif family.is_one(module):
        kind, reason = family.kind, why_whole(family, module, model) or ""
    else:
        return None
    return (kind, type(module).__name__, reason) if kind and reason else None
