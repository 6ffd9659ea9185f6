"""How many units stay after an event: from the kept fraction, from a MACs target, or from IMP's widths."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from models.units.structure import Kind
from pruning.allocation import Drop, Scope, budget_counts, select
from pruning.imp_mask import imp_widths
from pruning.macs_target import LARGEST_FACTOR, Factors, counts_for_target, solve_factor
from pruning.methods import Method
from trainables.config.prune import PruneConfig
from trainables.states.network import Network
from trainables.states.unit_cost import smaller_copy

Scores = Mapping[str, Tensor]


def kept_fractions(
    network: Network, config: PruneConfig, method: Method, state: int, factors: Factors | None = None
) -> dict[Kind, float]:
    """The kept fraction of each pruned kind after event `state`, its log scaled by the kind's factor where given."""
    course = method.traits.schedule
    return {
        kind: config.schedule.kept_fraction(
            kind, state, course=course, factor=1.0 if factors is None else factors[kind]
        )
        for kind in network.kinds
    }


def unit_budget(
    network: Network, config: PruneConfig, method: Method, state: int, scores: Scores
) -> tuple[Scope, dict[str, int]]:
    """The scope to select in and the units to keep in it: by kind under `global`, by group under `layerwise`."""
    if config.widths == "imp":
        groups = network.pruned_groups()
        counts = imp_widths(
            network.model, groups, network.structure, network.masks, config.fillback_rate, config.min_kept
        )
        return "layerwise", counts
    if config.schedule.macs_target is not None:
        return config.scope, _counts_for_macs(network, config, method, state, scores)
    kept = kept_fractions(network, config, method, state)
    return config.scope, budget_counts(network.structure, kept, config.scope, config.min_kept)


def smallest_macs(network: Network, config: PruneConfig, method: Method) -> int:
    """MACs of the smallest network that a `macs_target` could end at: every ratio above 0 taken to its floor.

    Which units are left plays no part: at the floors every group keeps `min_kept` of them.
    """
    extreme = dict.fromkeys(network.kinds, LARGEST_FACTOR)
    kept = kept_fractions(network, config, method, config.schedule.states, extreme)
    counts = budget_counts(network.structure, kept, config.scope, config.min_kept)
    scores = {group.name: torch.zeros(group.count) for group in network.pruned_groups()}
    return _macs_after(network, config, counts, scores)


def _counts_for_macs(
    network: Network, config: PruneConfig, method: Method, state: int, scores: Scores
) -> dict[str, int]:
    target, last = config.schedule.macs_target, config.schedule.states
    if target is None:
        raise ValueError("no MACs target in this configuration")
    known: dict[tuple[int, ...], int] = {}

    def counts_at(factors: Factors) -> dict[str, int]:
        kept = kept_fractions(network, config, method, last, factors)
        return budget_counts(network.structure, kept, config.scope, config.min_kept)

    def macs_of(counts: Mapping[str, int]) -> float:
        key = tuple(counts.values())
        if key not in known:
            known[key] = _macs_after(network, config, counts, scores)
        return float(known[key])

    if kept_fractions(network, config, method, state) == kept_fractions(network, config, method, last):
        return counts_for_target(counts_at, macs_of, network.kinds, network.dense_macs, target)
    factor = solve_factor(
        lambda common: macs_of(counts_at(dict.fromkeys(network.kinds, common))), network.dense_macs, target
    )
    kept = kept_fractions(network, config, method, state, dict.fromkeys(network.kinds, factor))
    return budget_counts(network.structure, kept, config.scope, config.min_kept)


def lowest_units(
    network: Network, config: PruneConfig, counts: Mapping[str, int], scores: Scores, scope: Scope | None = None
) -> Drop:
    """The units of the lowest scores, so many that these counts are left; `scope` where it is not the configuration's."""
    return select(
        scores,
        network.pruned_groups(),
        network.structure,
        kinds=network.kinds,
        counts=counts,
        scope=scope or config.scope,
        min_kept=config.min_kept,
        round_to=config.round_to,
    ).drop


def _macs_after(network: Network, config: PruneConfig, counts: Mapping[str, int], scores: Scores) -> int:
    """MACs of the network that selecting to these counts, with today's scores, would leave."""
    return smaller_copy(network, lowest_units(network, config, counts, scores)).macs()
