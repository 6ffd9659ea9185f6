"""The network a trial is pruning: its model, what is left of each group, and what that costs."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from models.cost import count_macs, count_parameters, prunable_parameters
from models.networks.registry import build
from models.spec import ModelSpec
from models.targets import check_target, reach_of
from models.units.base import UnitGroup, dense_structure
from models.units.compaction import compact, kept_positions, positions_of, remove, slice_optimizer_state, slice_state
from models.units.describe import describe
from models.units.reach import Reach
from models.units.structure import Kind, Structure, kinds_of
from pruning.allocation import Drop
from pruning.imp_mask import apply_masks, weight_totals
from pruning.repair import Compensation, Repaired, repair
from trainables.config.prune import PruneConfig
from trainables.config.train import TrainConfig
from trainables.training.optimizers import build_optimizer, load_state_by_name, rate_device, state_by_name


@dataclass(frozen=True)
class Cost:
    """`params` and `macs` (multiply-accumulates per image) of the network as it stands."""

    params: int
    macs: int
    removed_percent: float
    """100*(1 - prunable parameters left / original), over the kinds the trial prunes; masked weights count as removed."""
    removed_of_all_percent: float
    """The same parameters' share of all that the dense network has."""


@dataclass(frozen=True)
class AsItWas:
    """A network before an event: its model, the groups of that, and what was left of each."""

    model: nn.Module
    groups: tuple[UnitGroup, ...]
    structure: Structure


@dataclass
class Network:
    """A live network. `dense_groups` describe it as it was before any removal; `kinds` are those the trial prunes.

    `masks` (parameter name → 0/1) are the unstructured masks of IMP, for the control that applies them and for widths
    and scores taken from them; `masked` says that they are applied to the weights.
    """

    spec: ModelSpec
    model: nn.Module
    structure: Structure
    dense_groups: tuple[UnitGroup, ...]
    kinds: tuple[Kind, ...]
    reach: Reach
    """Of the dense network."""
    original_prunable: int
    weight_totals: dict[Kind, int]
    dense_macs: int
    masked: bool = False
    masks: dict[str, Tensor] = field(default_factory=dict)
    _counted: tuple[Structure, int] | None = None

    @classmethod
    def dense(cls, spec: ModelSpec, state: Mapping[str, Tensor], prune: PruneConfig, device: torch.device) -> Network:
        """The whole network with these weights (names and shapes must match exactly).

        Raises UserError where it lacks a kind of the target, unless the method removes nothing.
        """
        with torch.random.fork_rng(devices=[]):
            model = build(spec)
        model.load_state_dict(dict(state), strict=True)
        groups = describe(model, kinds_of(prune.target))
        needed = prune.traits.needs_units
        reach = (
            check_target(prune.target, spec.arch, model, groups) if needed else reach_of(model, groups, prune.target)
        )
        kinds = tuple(kind for kind in kinds_of(prune.target) if kind in reach.prunable)
        pruned = [group for group in groups if group.kind in kinds]
        original, totals = prunable_parameters(model, pruned), weight_totals(model, pruned)
        macs = count_macs(model, spec.input_shape)
        return cls(spec, model.to(device), dense_structure(groups), groups, kinds, reach, original, totals, macs)

    def restrict(self, structure: Structure) -> None:
        """Cut a dense network to `structure`. Kinds across blocks that only one of the two describes are whole in it."""
        compact(self.model, structure)
        theirs = {name: group for name, group in structure.groups.items() if name in self.structure.groups or group.cut}
        self.structure = Structure(self.structure.groups | theirs)

    def cut_to(self, structure: Structure) -> None:
        """Take out whatever `structure` no longer has; it may keep nothing that is gone. Groups that it does not name stay."""
        ours, theirs = self.structure.groups, structure.groups
        gone = {name: tuple(sorted(set(ours[name].kept) - set(theirs[name].kept))) for name in ours if name in theirs}
        self.remove({name: units for name, units in gone.items() if units})

    def groups(self) -> tuple[UnitGroup, ...]:
        """The groups as they stand now."""
        return describe(self.model, self.structure.kinds)

    def pruned_groups(self) -> tuple[UnitGroup, ...]:
        return tuple(group for group in self.groups() if group.kind in self.kinds)

    def as_it_is(self) -> AsItWas:
        """A copy to look back at once units are gone."""
        return AsItWas(copy.deepcopy(self.model), self.groups(), self.structure)

    def repair(self, was: AsItWas, images: Tensor, how: Compensation) -> dict[str, Repaired]:
        """Set the layers that read units which are gone since so that their outputs are what they were.

        `images` are calibration images, (images, channels, height, width).
        """
        left = {name: set(group.kept) for name, group in self.structure.groups.items()}
        drop = {
            name: [unit for unit in group.kept if unit not in left[name]]
            for name, group in was.structure.groups.items()
        }
        return repair(self.model, was.model, was.groups, positions_of(was.structure, drop), images, how)

    def remove(self, drop: Drop) -> None:
        """Take the units out; an optimiser over the old parameters is void afterwards."""
        if drop:
            self.structure = remove(self.model, self.structure, drop)

    def remove_with_optimizer(
        self, drop: Drop, optimizer: torch.optim.Optimizer, config: TrainConfig
    ) -> torch.optim.Optimizer:
        """Take the units out in the middle of a state: the optimiser's moments are sliced like the weights."""
        moments = state_by_name(self.model, optimizer)
        before, groups = self.structure, self.groups()
        self.remove(drop)
        fresh = build_optimizer(self.model, config, rate_device(optimizer))
        sliced = slice_optimizer_state(moments, groups, kept_positions(before, self.structure))
        load_state_by_name(self.model, fresh, sliced)
        return fresh

    def rewind(self, dense_state: Mapping[str, Tensor]) -> None:
        """Set every surviving tensor, buffers included, from a dense state dict; the structure stays."""
        state = slice_state(dense_state, self.dense_groups, self.structure)
        self.model.load_state_dict(state, strict=True)

    def snapshot(self) -> dict[str, Tensor]:
        """Deep copies of every tensor, on the CPU."""
        return {name: tensor.detach().to("cpu", copy=True) for name, tensor in self.model.state_dict().items()}

    def apply_masks(self) -> None:
        """Zero what the unstructured masks have removed; after every step, since the optimiser moves it."""
        apply_masks(self.model, self.masks)

    def cost(self) -> Cost:
        """Counted on the real network; MACs are counted once for each structure."""
        masked = sum(int((mask == 0).sum()) for mask in self.masks.values()) if self.masked else 0
        left, params = prunable_parameters(self.model, self.pruned_groups()) - masked, count_parameters(self.model)
        removed = 100.0 * (1.0 - left / self.original_prunable) if self.original_prunable else 0.0
        return Cost(params, self.macs(), removed, 100.0 * (1.0 - (params - masked) / self.reach.parameters))

    def macs(self) -> int:
        """Multiply-accumulates per image, counted once for each structure."""
        if self._counted is None or self._counted[0] is not self.structure:
            self._counted = (self.structure, count_macs(self.model, self.spec.input_shape))
        return self._counted[1]
