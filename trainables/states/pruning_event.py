"""The pruning event at the start of a state: what to remove, decided on the trained end of the state before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from models.units.structure import WORDS, Kind, Structure
from pruning.allocation import Drop, emptied
from pruning.catalogue import CRITERIA
from pruning.imp_mask import global_masks
from pruning.importance import score
from pruning.methods import Method
from pruning.normalize import in_force, normalize
from pruning.unit_sums import unit_sizes
from trainables.config.prune import PruneConfig
from trainables.seeds import derive
from trainables.states.network import Network
from trainables.states.unit_budget import kept_fractions, lowest_units, unit_budget
from trainables.states.unit_cost import per_mac

Batch = tuple[Tensor, Tensor]
SHOWN = 4
"""Groups that a warning names; the rest it counts."""


@dataclass(frozen=True)
class Event:
    """One pruning event. `number` counts from 1; `seed` is the trial's."""

    config: PruneConfig
    method: Method
    number: int
    seed: int
    batches: Callable[[], Sequence[Batch]]
    """The calibration batches, which only some criteria look at: images may have to be decoded for them."""

    @property
    def criterion(self) -> str:
        return self.method.traits.criterion or self.config.criterion

    @property
    def needs_masks(self) -> bool:
        """Whether unstructured masks have to be brought up to this state first."""
        return self.method.traits.masks or self.config.widths == "imp" or CRITERIA[self.criterion].needs_masks


def update_masks(network: Network, event: Event) -> None:
    """Bring the unstructured masks to this event's kept fractions.

    Where a method applies them, what was masked stays masked. For widths and scores they are taken afresh: the units
    that stayed were refilled, so all their weights take part again.
    """
    fractions = kept_fractions(network, event.config, event.method, event.number)
    groups = network.pruned_groups()
    previous = network.masks if event.method.traits.masks and network.masks else None
    network.masks = global_masks(network.model, groups, fractions, network.weight_totals, previous)


def choose_drop(network: Network, event: Event) -> Drop:
    """Score, normalise and select: the drop set of this event, in original indices. Changes nothing in the network."""
    groups, criterion = network.pruned_groups(), CRITERIA[event.criterion]
    raw = score(
        criterion.name,
        network.model,
        groups,
        batches=event.batches() if criterion.needs_batches else None,
        loss=functional.cross_entropy,
        generator=torch.Generator().manual_seed(derive(event.seed, "importance", event.number)),
        masks=network.masks,
    )
    how = in_force(event.config.normalize, criterion)
    scores = normalize(raw, groups, how, unit_sizes(network.model, groups))
    if event.config.ranks_per_mac:
        scores = per_mac(network, scores)
    scope, counts = unit_budget(network, event.config, event.method, event.number, scores)
    return lowest_units(network, event.config, counts, scores, scope)


def floor_warnings(network: Network, event: Event, drop: Drop) -> list[str]:
    """One for each kind of unit of which this removal leaves some groups nothing, or hardly more, than their floor.

    What had nothing left before, such as the heads of a branch that is gone, is not told again.
    """
    after, config = network.structure.without(drop), event.config
    found = {
        kind: [name for name in names if network.structure.kept(name)]
        for kind, names in emptied(after, network.kinds, config.min_kept).items()
    }
    return [_floor_warning(after, kind, names, config) for kind, names in found.items() if names]


def _floor_warning(after: Structure, kind: Kind, names: Sequence[str], config: PruneConfig) -> str:
    first, *others = [f"{name} keeps {len(after.kept(name))} of {after.groups[name].total}" for name in names]
    shown = ", ".join([first, *(text.replace("keeps ", "") for text in others[: SHOWN - 1])])
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    share = after.kept_of_kind()[kind] / after.total_of_kind()[kind]
    if config.widths == "imp":
        remedy = "prune.widths: budget"
    elif config.ranks_per_mac:
        remedy = "prune.score: per_unit"
    elif config.normalize in ("auto", "mean"):
        remedy = "prune.scope: layerwise"
    else:
        remedy = "prune.normalize: mean, prune.scope: layerwise"
    return (
        f"{WORDS[kind]} at or near their floor: {shown}{more}, while {100 * share:.0f} % of all {WORDS[kind]} stay; "
        f"use {remedy} or a higher prune.min_kept, such as 0.1"
    )
