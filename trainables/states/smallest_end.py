"""How small a trial's network can be at its last state, known before anything is trained.

Networks are only measured here, so their tensors are on torch's `meta` device: shapes without memory or arithmetic.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from models.networks.registry import build
from models.spec import ModelSpec
from models.units.base import UnitGroup
from models.units.structure import Kind
from pruning.allocation import ROUNDED, budget_counts
from pruning.macs_target import LARGEST_FACTOR
from pruning.methods import get_method
from trainables.config.prune import PruneConfig
from trainables.config.trial import TrialConfig
from trainables.states.network import Cost, Network
from trainables.states.unit_budget import kept_fractions, lowest_units
from trainables.states.unit_cost import saved_by_a_unit, smaller_copy

UNEVEN: frozenset[Kind] = frozenset({"channel", "qk", "branch"})
"""Kinds of which a unit saves more or less by what is left of another group: a convolution, a head, a branch is of both."""
SAFE_SHARE = 0.95
"""Of what is found where such kinds are ranked over all layers."""


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
    macs, params = _saved_by_a_unit(json.dumps(spec.to_json()), prune.target) if ranked else ({}, {})
    cheapest = _network_after(network, prune, macs)
    fewest = _network_after(network, prune, params) if ranked else cheapest
    left = 100.0 - fewest.removed_percent
    share = SAFE_SHARE if ranked and not UNEVEN.isdisjoint(network.kinds) else 1.0
    return SmallestEnd(
        int(share * cheapest.macs), int(share * fewest.params), 100.0 - share * left, dense.macs, dense.params
    )


def _measured(spec: ModelSpec, prune: PruneConfig) -> Network:
    with torch.random.fork_rng(devices=[]):
        state = build(spec).state_dict()
    return Network.dense(spec, state, prune, torch.device("meta"))


def _network_after(network: Network, prune: PruneConfig, saved: Mapping[str, float]) -> Cost:
    """The cost that is left where the units that save most go first."""
    by_floors = prune.widths == "imp" or prune.schedule.macs_target is not None
    factors = dict.fromkeys(network.kinds, LARGEST_FACTOR) if by_floors else None
    kept = kept_fractions(network, prune, get_method(prune.method), prune.schedule.states, factors)
    scores = {
        group.name: _scores(group, saved.get(group.name, 0.0), number)
        for number, group in enumerate(network.pruned_groups())
    }
    counts = budget_counts(network.structure, kept, prune.scope, prune.min_kept)
    if prune.scope == "global" and prune.round_to > 1:
        counts, prune = _rounded_down(network, prune, counts), prune.model_copy(update={"round_to": 1})
    return smaller_copy(network, lowest_units(network, prune, counts, scores)).cost()


def _rounded_down(network: Network, prune: PruneConfig, counts: Mapping[str, int]) -> dict[str, int]:
    """Of each kind the fewest units that rounding can leave, whichever layers the scores empty: all may be rounded down."""
    floors = budget_counts(network.structure, dict.fromkeys(network.kinds, 0.0), prune.scope, prune.min_kept)
    rounds: list[str] = [group.kind for group in network.pruned_groups() if group.kind in ROUNDED]
    return {
        kind: max(floors[kind], count - (prune.round_to - 1) * rounds.count(kind)) for kind, count in counts.items()
    }


def _scores(group: UnitGroup, saved: float, number: int) -> Tensor:
    """Alike, but where heads and neurons lie within the units, or they within heads: of these the first of the network go.
    Of all else it is the last, and what goes twice would save once."""
    alike = torch.full((group.count,), -saved, dtype=torch.float64)
    return alike + number + torch.arange(group.count) if group.kind in ("qk", "branch") else alike


@lru_cache(maxsize=32)
def _saved_by_a_unit(spec: str, target: str) -> tuple[dict[str, float], dict[str, float]]:
    """Group → MACs, and group → parameters, that removing one of its units from the dense network saves."""
    network = _measured(ModelSpec.from_json(json.loads(spec)), PruneConfig.model_validate({"target": target}))
    return saved_by_a_unit(network)
