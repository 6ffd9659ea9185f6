"""How small a trial's network can be at its last state, known before anything is trained.

Networks are only measured here, so their tensors are on torch's `meta` device: shapes without memory or arithmetic.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from models.networks.registry import build
from models.spec import ModelSpec
from models.units.base import UnitGroup
from models.units.structure import Kind
from pruning.allocation import ROUNDED, Drop, budget_counts
from pruning.macs_target import LARGEST_FACTOR
from pruning.methods import get_method
from trainables.config.prune import PruneConfig
from trainables.config.trial import TrialConfig
from trainables.states.network import Cost, Network
from trainables.states.unit_budget import kept_fractions, lowest_units
from trainables.states.unit_cost import saved_by_a_unit, smaller_copy

SAFE_SHARES: dict[Kind, float] = {"channel": 0.95, "qk": 0.95, "branch": 0.8}
"""Of what is found where such a kind is ranked over all layers: what a unit saves then depends on what is left of another
group (a convolution, a head), and a branch may take more with it, event by event, than its heads and neurons are to lose."""


@dataclass(frozen=True)
class SmallestEnd:
    """Bounds that no trained network goes beyond: fewest MACs, fewest parameters and most removed, each by itself."""

    macs: int
    params: int
    removed_percent: float
    dense_macs: int
    dense_params: int


def smallest_end(config: TrialConfig, spec: ModelSpec) -> SmallestEnd:
    """The smallest networks that the configuration's last state can leave, whichever units its scores choose.

    With `round_to` under `scope: global`, no larger than those. Where a MACs target or IMP's masks decide the widths, those of
    the floors (`min_kept` in each group).
    """
    network, prune = _measured(spec, config.prune), config.prune
    dense = network.cost()
    if not get_method(prune.method).traits.makes_smaller:
        return SmallestEnd(dense.macs, dense.params, dense.removed_percent, dense.macs, dense.params)
    # Under `layerwise` it is settled how many units each group keeps, and those of a group are equal in cost.
    ranked = prune.scope == "global"
    savings = _saved_by_a_unit(json.dumps(spec.to_json()), prune.target) if ranked else ({},)
    firsts = list(_branches_first(network)) if ranked else [{}]
    ends = [_network_after(network, prune, saved, first) for first in firsts for saved in savings]
    share = min(SAFE_SHARES.get(kind, 1.0) for kind in network.kinds) if ranked else 1.0
    left = 100.0 - max(end.removed_percent for end in ends)
    return SmallestEnd(
        int(share * min(end.macs for end in ends)),
        int(share * min(end.params for end in ends)),
        100.0 - share * left,
        dense.macs,
        dense.params,
    )


def _branches_first(network: Network) -> Iterator[Mapping[str, int]]:
    """How many of which group of branches go before all others: whichever of attention and MLPs their ranking takes."""
    groups = [group for group in network.pruned_groups() if group.kind == "branch"]
    if not groups:
        yield {}
    for group in groups:
        yield from ({group.name: count} for count in range(group.count + 1))


def _measured(spec: ModelSpec, prune: PruneConfig) -> Network:
    with torch.random.fork_rng(devices=[]):
        state = build(spec).state_dict()
    return Network.dense(spec, state, prune, torch.device("meta"))


def _network_after(
    network: Network, prune: PruneConfig, saved: Mapping[str, float], branches: Mapping[str, int]
) -> Cost:
    """The cost that is left where the units that save most go first, and of branches so many of each group.

    In two steps where there are branches: what lies within those that go keeps no floor of its own afterwards.
    """
    if branches:
        network = smaller_copy(network, _lowest(_of_kinds(network, ("branch",)), prune, saved, branches))
    return smaller_copy(network, _lowest(network, prune, saved, branches)).cost()


def _lowest(network: Network, prune: PruneConfig, saved: Mapping[str, float], branches: Mapping[str, int]) -> Drop:
    by_floors = prune.widths == "imp" or prune.schedule.macs_target is not None
    factors = dict.fromkeys(network.kinds, LARGEST_FACTOR) if by_floors else None
    kept = kept_fractions(network, prune, get_method(prune.method), prune.schedule.states, factors)
    scores = {
        group.name: _scores(group, saved.get(group.name, 0.0), number, branches.get(group.name, 0))
        for number, group in enumerate(network.pruned_groups())
    }
    counts = budget_counts(network.structure, kept, prune.scope, prune.min_kept)
    if prune.scope == "global" and prune.round_to > 1:
        counts, prune = _rounded_down(network, prune, counts), prune.model_copy(update={"round_to": 1})
    return lowest_units(network, prune, counts, scores)


def _of_kinds(network: Network, kinds: tuple[Kind, ...]) -> Network:
    """The same network as a trial would have it that prunes these kinds alone."""
    seen = copy.copy(network)
    seen.kinds = kinds
    return seen


def _rounded_down(network: Network, prune: PruneConfig, counts: Mapping[str, int]) -> dict[str, int]:
    """Of each kind the fewest units that rounding can leave, whichever layers the scores empty: all may be rounded down."""
    floors = budget_counts(network.structure, dict.fromkeys(network.kinds, 0.0), prune.scope, prune.min_kept)
    rounds: list[str] = [group.kind for group in network.pruned_groups() if group.kind in ROUNDED]
    return {
        kind: max(floors[kind], count - (prune.round_to - 1) * rounds.count(kind)) for kind, count in counts.items()
    }


def _scores(group: UnitGroup, saved: float, number: int, first: int) -> Tensor:
    """Alike, but for queries and keys, of which the first of the network go where of heads it is the last: what goes with both
    would save once. Of branches the `first` so many go before all others."""
    alike = torch.full((group.count,), -saved, dtype=torch.float64)
    if group.kind == "branch":
        first = min(first, group.count)
        return torch.cat([torch.full((first,), -1.0), torch.arange(group.count - first)]).double()
    return alike + number if group.kind == "qk" else alike


@lru_cache(maxsize=32)
def _saved_by_a_unit(spec: str, target: str) -> tuple[dict[str, float], dict[str, float]]:
    """Group → MACs, and group → parameters, that removing one of its units from the dense network saves."""
    network = _measured(ModelSpec.from_json(json.loads(spec)), PruneConfig.model_validate({"target": target}))
    return saved_by_a_unit(network)
