"""How small a trial's network can be at its last state, known before anything is trained."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from models.networks.registry import build
from models.spec import ModelSpec
from models.units.base import UnitGroup
from models.units.compaction import remove
from pruning.allocation import budget_counts, select
from pruning.macs_target import LARGEST_FACTOR
from pruning.methods import get_method
from trainables.config.trial import TrialConfig
from trainables.states.network import Cost, Network
from trainables.states.unit_budget import kept_fractions

SAFE_SHARE = 0.95
"""Of what is found where two groups share a convolution: what a unit of one saves then depends on the other."""


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

    Where a MACs target or IMP's masks decide the widths, those of the floors (`min_kept` in each group).
    """
    with torch.random.fork_rng(devices=[]):
        state = build(spec).state_dict()
    network = Network.dense(spec, state, config.prune, torch.device("cpu"))
    dense = network.cost()
    cheapest = _network_after(network, config, lambda cost: cost.macs)
    fewest = _network_after(network, config, lambda cost: cost.params)
    left = 100.0 - fewest.removed_percent
    exact = config.prune.scope == "layerwise" or "channel" not in network.kinds
    share = 1.0 if exact else SAFE_SHARE
    return SmallestEnd(
        int(share * cheapest.macs), int(share * fewest.params), 100.0 - share * left, dense.macs, dense.params
    )


def _network_after(network: Network, config: TrialConfig, measure: Callable[[Cost], int]) -> Cost:
    """The cost that is left where the dearest units by `measure` go first."""
    prune, method = config.prune, get_method(config.prune.method)
    if not method.traits.makes_smaller:
        return network.cost()
    by_floors = prune.widths == "imp" or prune.schedule.macs_target is not None
    factors = dict.fromkeys(network.kinds, LARGEST_FACTOR) if by_floors else None
    kept = kept_fractions(network, prune, method, prune.schedule.states, factors)
    selection = select(
        {group.name: _value(network, group, measure, prune.scope) for group in network.pruned_groups()},
        network.pruned_groups(),
        network.structure,
        kinds=network.kinds,
        counts=budget_counts(network.structure, kept, prune.scope, prune.min_kept),
        scope=prune.scope,
        min_kept=prune.min_kept,
    )
    return _without(network, dict(selection.drop))


def _value(network: Network, group: UnitGroup, measure: Callable[[Cost], int], scope: str) -> Tensor:
    """A group's units are equal in cost; where groups are ranked together, the dearest are worth least."""
    if scope == "layerwise":
        return torch.zeros(group.count)
    saved = measure(network.cost()) - measure(_without(network, {group.name: (0,)}))
    return torch.full((group.count,), -float(saved))


def _without(network: Network, drop: dict[str, tuple[int, ...]]) -> Cost:
    smaller = copy.copy(network)
    smaller.model = copy.deepcopy(network.model)
    smaller.structure = remove(smaller.model, network.structure, drop)
    return smaller.cost()
