"""The pruning event at the start of a state: what to remove, decided on the trained end of the state before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from models.cost import count_macs
from models.save_load import build_compact
from models.structure import Kind, Structure
from pruning.allocation import Drop, budget_counts, select
from pruning.imp_mask import global_masks, imp_widths
from pruning.importance import score
from pruning.macs_target import counts_for_target
from pruning.methods import Method
from pruning.normalize import normalize
from pruning.schedules import kept_fraction
from trainables.network import Network
from trainables.prune_config import PruneConfig
from trainables.seeds import derive

Batch = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Event:
    """One pruning event. `state` counts from 1; `batches` are the calibration batches; `seed` the trial's."""

    config: PruneConfig
    method: Method
    state: int
    seed: int
    batches: Sequence[Batch]

    @property
    def criterion(self) -> str:
        return self.method.criterion or self.config.criterion

    @property
    def schedule(self) -> str:
        return self.method.schedule or self.config.schedule.kind

    @property
    def needs_masks(self) -> bool:
        """Whether unstructured masks have to be brought up to this state first."""
        return self.method.masks or self.config.widths == "imp" or self.criterion == "remain"


def kept_fractions(event: Event, kinds: Sequence[Kind]) -> dict[Kind, float]:
    """The kept fraction of each kind after this event."""
    schedule = event.config.schedule
    return {
        kind: kept_fraction(
            event.schedule,
            event.state,
            schedule.states,
            schedule.ratio_of(kind),
            custom=schedule.kept,
            rate_per_state=schedule.rate_per_state,
        )
        for kind in kinds
    }


def update_masks(network: Network, event: Event) -> None:
    """Bring the unstructured masks to this event's kept fractions; what was masked stays masked."""
    fractions = kept_fractions(event, network.kinds)
    network.masks = global_masks(network.model, network.pruned_groups(), fractions, network.masks)


def choose_drop(network: Network, event: Event) -> Drop:
    """Score, normalise and select: the drop set of this event, in original indices. Changes nothing in the network."""
    groups = network.pruned_groups()
    scores = score(
        event.criterion,
        network.model,
        groups,
        batches=event.batches,
        loss=functional.cross_entropy,
        generator=torch.Generator().manual_seed(derive(event.seed, "importance", event.state)),
        masks=network.masks,
    )
    scores = normalize(scores, groups, event.config.normalize)
    scope, counts = _budget(network, event, scores)
    return select(
        scores, groups, network.structure, kinds=network.kinds, counts=counts, scope=scope, min_kept=event.config.min_kept
    ).drop
