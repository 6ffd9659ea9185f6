"""What one unit of each group costs: what the network saves without it.

Networks are only measured here, on torch's `meta` device where they are not there already: shapes without memory or arithmetic.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping

from torch import Tensor

from pruning.allocation import Drop
from trainables.states.network import Network


def smaller_copy(network: Network, drop: Drop) -> Network:
    """The network without these units; it stays as it is."""
    smaller = copy.copy(network)
    smaller.model = copy.deepcopy(network.model)
    smaller.remove(drop)
    return smaller


def saved_by_a_unit(network: Network) -> tuple[dict[str, float], dict[str, float]]:
    """Group → MACs, and group → parameters, that removing one of its units from the network as it stands saves.

    Of groups that have a unit. Where two groups share a convolution, each is measured with the other as it is.
    """
    shapes = copy.copy(network)
    shapes.model = copy.deepcopy(network.model).to("meta")
    now = shapes.cost()
    one_less = {
        group.name: smaller_copy(shapes, {group.name: network.structure.kept(group.name)[:1]}).cost()
        for group in network.pruned_groups()
        if group.count
    }
    macs = {name: float(now.macs - cost.macs) for name, cost in one_less.items()}
    return macs, {name: float(now.params - cost.params) for name, cost in one_less.items()}


def per_mac(network: Network, scores: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Each group's scores (count,) divided by the MACs that one of its units saves."""
    saved, _ = saved_by_a_unit(network)
    return {name: values / max(1.0, saved.get(name, 1.0)) for name, values in scores.items()}
