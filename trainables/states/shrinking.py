"""Carrying out a state's plan step by step: shrink the drop set while the state trains, then remove it."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from models.units.compaction import positions_of
from pruning.methods import StatePlan
from pruning.penalty import Penalised, add_gradient, apply_decoupled, penalised
from trainables.states.network import Network


@dataclass
class Shrinking:
    """RSST's work within one state; does nothing where a plan has nothing to shrink."""

    plan: StatePlan
    rates: tuple[float, ...]
    targets: tuple[Penalised, ...] = field(default_factory=tuple)
    share: float | Tensor = 0.0
    """How strong the penalty is in the present step: lambda, or decoupled lr*lambda. As a scalar tensor it is written to, so
    that a recorded step finds each step's."""

    @classmethod
    def of(
        cls, plan: StatePlan, rates: tuple[float, ...], network: Network, share_on: torch.device | None = None
    ) -> Shrinking:
        """Ready for the state's first step, or for a later one where the drop set is still there; the penalty's share lies
        on `share_on`, or with the CPU's own numbers."""
        share: float | Tensor = 0.0 if share_on is None else torch.zeros((), device=share_on)
        there = {name: units for name, units in plan.shrink.items() if set(units) <= set(network.structure.kept(name))}
        if len(there) < len(plan.shrink):
            return cls(plan, rates, share=share)
        targets = penalised(network.model, network.groups(), positions_of(network.structure, there))
        return cls(plan, rates, targets, share)

    def before_step(self, step: int) -> None:
        """Set the penalty's share in the step that comes."""
        if not self.targets:
            return
        share = self.strength(step) if self.plan.coupling == "gradient" else self.rates[step] * self.strength(step)
        if isinstance(self.share, Tensor):
            self.share.fill_(share)
        else:
            self.share = share

    def on_gradients(self) -> None:
        """Once the gradients are ready (and clipped, so that the penalty is not)."""
        if self.plan.coupling == "gradient" and self.targets:
            add_gradient(self.targets, self.share)

    def on_weights(self) -> None:
        """Once the weights have moved."""
        if self.plan.coupling == "decoupled" and self.targets:
            apply_decoupled(self.targets, self.share)

    def removes_after(self, step: int) -> bool:
        return bool(self.targets) and self.plan.remove_after_step == step + 1

    def unchanged_until(self) -> int:
        """The step after which the drop set goes, counted from 1, or the state's last one."""
        stop = self.plan.remove_after_step
        return len(self.rates) if stop is None or not self.targets else stop

    def removed(self) -> None:
        """The drop set is gone; its parameters no longer exist."""
        self.targets = ()

    def strength(self, step: int) -> float:
        """Lambda at a step of the state; 0 where nothing shrinks."""
        return self.plan.strengths[step] if step < len(self.plan.strengths) else 0.0

    def phase(self, step: int) -> str:
        """What the state is doing at a step: train, ramp, hold or recover."""
        if not self.plan.shrink or self.plan.remove_after_step is None:
            return "train"
        if step >= self.plan.remove_after_step:
            return "recover"
        ramp_ends = self.plan.strengths.index(max(self.plan.strengths))
        return "ramp" if step <= ramp_ends else "hold"
