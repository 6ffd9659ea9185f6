"""Which units go: from scores and budgets to the drop set, in original indices.

Units of different kinds are never ranked together. Only units still in the structure are candidates, so removal
compounds. Equal scores are settled by group order, then by unit index: the earlier unit stays.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from models.errors import UserError, WorkFailed
from models.names import look_up
from models.units.base import UnitGroup
from models.units.structure import GroupStructure, Kind, Structure
from pruning.schedules import ROUNDING_GUARD, unit_count

Scope = Literal["layerwise", "global"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
Drop = Mapping[str, tuple[int, ...]]
ROUNDED: frozenset[Kind] = frozenset({"neuron", "token_neuron", "channel", "embed", "qk"})
"""Kinds whose number is a side of a matrix; those of heads and of branches are not."""
NEARLY_EMPTY = 0.05
"""A group is as good as emptied with this share of the units that an even removal would have left it."""


@dataclass(frozen=True)
class Selection:
    """`drop`: group name → sorted original indices to remove, empty groups left out; `counts`: kept afterwards."""

    drop: Drop
    counts: Mapping[str, int]


def budget_counts(
    structure: Structure, kept: Mapping[Kind, float], scope: Scope, min_kept: float = 1
) -> dict[str, int]:
    """Units to keep at these kept fractions: by kind under `global`, by group name under `layerwise`.

    Kinds that `kept` does not name are left alone. `min_kept` as in `floor_of`.
    """
    look_up("prune.scope", scope, dict.fromkeys(SCOPES))
    if scope == "layerwise":
        return {
            name: unit_count(group.total, kept[group.kind], floor_in(group, min_kept), len(group.kept))
            for name, group in structure.groups.items()
            if group.kind in kept
        }
    totals, present = structure.total_of_kind(), structure.kept_of_kind()
    return {
        kind: unit_count(totals[kind], kept[kind], floor_of_kind(structure, kind, min_kept), present[kind])
        for kind in kept
        if kind in totals
    }


def floor_of(total: int, min_kept: float) -> int:
    """Units that a group of `total` original ones keeps whatever their scores.

    `min_kept` is a count, or below 1 a share of the group, rounded up. UserError for a negative one.
    """
    if min_kept < 0:
        raise UserError(f"found {min_kept}; it must be 0 or more", key="prune.min_kept")
    if min_kept < 1:
        return math.ceil(total * min_kept - ROUNDING_GUARD)
    return min(int(min_kept), total)


def rounded(count: int, present: int, floor: int, multiple: int) -> int:
    """`count` at the nearest multiple that is not below `floor`, nor 0, nor above what is `present`; the larger of two.

    Where there is no such multiple it stays, as do nothing and all that is there: rounding empties no group, and takes nothing
    from one that was to lose nothing. It never falls where `count` grows.
    """
    least = math.ceil(max(floor, 1) / multiple) * multiple
    most = present // multiple * multiple
    if count in (0, present) or least > most:
        return count
    return min(max((count + multiple // 2) // multiple * multiple, least), most)


def floor_in(group: GroupStructure, min_kept: float) -> int:
    """Units that this group keeps whatever their scores: no more than it has, and one channel of the stream in any case."""
    floor = max(floor_of(group.total, min_kept), 1 if group.kind == "embed" else 0)
    return min(floor, len(group.kept))


def floor_of_kind(structure: Structure, kind: Kind, min_kept: float) -> int:
    """Units of this kind that are reserved: the floors of all its groups."""
    return sum(floor_in(group, min_kept) for group in structure.groups.values() if group.kind == kind)


def emptied(structure: Structure, kinds: Collection[Kind], min_kept: float) -> dict[Kind, list[str]]:
    """By kind, the groups at their floor or within NEARLY_EMPTY of nothing, though an even share of their kind is more."""
    totals, left = structure.total_of_kind(), structure.kept_of_kind()
    found: dict[Kind, list[str]] = {}
    for name, group in structure.groups.items():
        if group.kind not in kinds:
            continue
        even = math.floor(group.total * left[group.kind] / totals[group.kind] + ROUNDING_GUARD)
        floor = floor_of(group.total, min_kept)
        if len(group.kept) < even and len(group.kept) <= max(floor, NEARLY_EMPTY * even):
            found.setdefault(group.kind, []).append(name)
    return found


def select(
    scores: Mapping[str, Tensor],
    groups: Sequence[UnitGroup],
    structure: Structure,
    *,
    kinds: Collection[Kind],
    counts: Mapping[str, int],
    scope: Scope,
    min_kept: float = 1,
    round_to: int = 1,
) -> Selection:
    """The lowest-scored units beyond the budget.

    `scores`: group name → (count,), larger = more important, by position in the present network; `groups` describe that
    network; `counts` as from `budget_counts` (by kind or by group name, following `scope`). Under `global` the best
    units of each group, up to its floor (`floor_in`), are reserved before the rest of the kind is ranked. Then each group of
    one of the kinds ROUNDED keeps its best units up to so many that their features are a multiple of `round_to` (`rounded`).
    Branches are chosen first: all that lies within one that goes goes too, and the rest of its kind makes up for the budget.
    Raises WorkFailed where a score is not finite.
    """
    look_up("prune.scope", scope, dict.fromkeys(SCOPES))
    chosen = [group for group in groups if group.kind in kinds]
    ranked = {group.name: _ranked(group, scores, structure) for group in chosen}
    floors = {group.name: floor_in(structure.groups[group.name], min_kept) for group in chosen}
    kept: dict[str, set[int]] = {}
    for together in ([group for group in chosen if group.holds], [group for group in chosen if not group.holds]):
        ended = _within_what_goes(chosen, kept)
        kept |= {group.name: set() for group in together if group.name in ended}
        left = [group for group in together if group.name not in ended]
        kept |= _kept_of(left, ranked, floors, counts, scope, scores)
        for group in left:
            if group.kind in ROUNDED:
                multiple = round_to // math.gcd(round_to, _features(group))
                count = rounded(len(kept[group.name]), group.count, floors[group.name], multiple)
                kept[group.name] = set(ranked[group.name][:count])
    drop = {}
    for group in chosen:
        originals = structure.kept(group.name)
        gone = tuple(originals[position] for position in range(group.count) if position not in kept[group.name])
        if gone:
            drop[group.name] = gone
    after = structure.counts()
    return Selection(drop, {name: count - len(drop.get(name, ())) for name, count in after.items()})


def _within_what_goes(groups: Sequence[UnitGroup], kept: Mapping[str, set[int]]) -> set[str]:
    """Names of the groups that lie within units which are not kept."""
    chosen = [group for group in groups if group.name in kept]
    return {name for group in chosen for name in group.held_by(set(range(group.count)) - kept[group.name])}


def _kept_of(
    groups: Sequence[UnitGroup],
    ranked: Mapping[str, list[int]],
    floors: Mapping[str, int],
    counts: Mapping[str, int],
    scope: Scope,
    scores: Mapping[str, Tensor],
) -> dict[str, set[int]]:
    """Group name → positions kept, before any rounding."""
    if scope == "layerwise":
        budgets = {group.name: max(counts.get(group.name, group.count), floors[group.name]) for group in groups}
        return {name: set(ranked[name][:budget]) for name, budget in budgets.items()}
    kept: dict[str, set[int]] = {}
    for kind in dict.fromkeys(group.kind for group in groups):
        same = [group for group in groups if group.kind == kind]
        budget = counts.get(kind, sum(group.count for group in same))
        kept |= _keep_globally(same, scores, ranked, budget, floors)
    return kept


def _features(group: UnitGroup) -> int:
    """Of one unit, where it is read: one but for groups of channels that go together."""
    return max((tied.index.shape[1] for tied in group.slices if tied.dim == 1), default=1)


def _ranked(group: UnitGroup, scores: Mapping[str, Tensor], structure: Structure) -> list[int]:
    """Positions from the most to the least important; equal scores in index order."""
    values = scores[group.name]
    if values.shape != (group.count,) or len(structure.kept(group.name)) != group.count:
        raise ValueError(f"{group.name}: {group.count} units, scores of shape {tuple(values.shape)}, structure differs")
    if not bool(torch.isfinite(values).all()):
        raise WorkFailed(f"{group.name}: a unit's importance is not finite; the network has diverged, lower train.lr")
    order: list[int] = torch.sort(values.double().cpu(), descending=True, stable=True).indices.tolist()
    return order


def _keep_globally(
    groups: Sequence[UnitGroup],
    scores: Mapping[str, Tensor],
    ranked: Mapping[str, list[int]],
    budget: int,
    floors: Mapping[str, int],
) -> dict[str, set[int]]:
    kept = {group.name: set(ranked[group.name][: floors[group.name]]) for group in groups}
    left = budget - sum(len(units) for units in kept.values())
    if left <= 0:
        return kept
    rest = [(group.name, position) for group in groups for position in sorted(ranked[group.name][floors[group.name] :])]
    numbers: dict[str, list[float]] = {group.name: scores[group.name].double().tolist() for group in groups}
    values = torch.tensor([numbers[name][position] for name, position in rest], dtype=torch.float64)
    best: list[int] = torch.sort(values, descending=True, stable=True).indices[:left].tolist()
    for place in best:
        name, position = rest[place]
        kept[name].add(position)
    return kept
