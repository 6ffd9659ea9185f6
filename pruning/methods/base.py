"""What a pruning method answers: Refill, RSST and every control the same question, so they differ in nothing else.

Refill (Chen et al., ICML 2022, arXiv 2202.04736) removes the unselected units at once, and the state trains what is left.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field

from pruning.allocation import Drop
from pruning.catalogue import Coupling, MethodTraits, RsstConfig


@dataclass(frozen=True)
class StatePlan:
    """What happens to the drop set in one state; all unit indices are original ones.

    `remove_now` goes before the first step. `shrink` stays, with penalty `strengths[t]` (lambda) at optimiser step t of
    the state, and goes once `remove_after_step` steps are done (1..steps). `strengths` is as long as the state, 0 after
    the removal, or empty where nothing shrinks.
    """

    remove_now: Drop = field(default_factory=dict)
    shrink: Drop = field(default_factory=dict)
    strengths: tuple[float, ...] = ()
    coupling: Coupling = "decoupled"
    remove_after_step: int | None = None


@dataclass(frozen=True)
class Method(ABC):
    """One method: its line of the catalogue, and what it does with a drop set."""

    traits: MethodTraits

    @abstractmethod
    def plan(self, drop: Drop, learning_rates: Sequence[float], settings: RsstConfig) -> StatePlan:
        """The plan of one state for the selected `drop`; `learning_rates` holds one for each of its optimiser steps."""


class RemoveAtOnce(Method):
    """A method that removes the selected units before the state's first step."""

    def plan(self, drop: Drop, learning_rates: Sequence[float], settings: RsstConfig) -> StatePlan:
        return StatePlan(remove_now=dict(drop))


class RemoveNothing(Method):
    """A method that leaves the units alone: its states only train."""

    def plan(self, drop: Drop, learning_rates: Sequence[float], settings: RsstConfig) -> StatePlan:
        if drop:
            raise ValueError(f"{self.traits.name} removes no units but was handed {len(drop)} groups to remove from")
        return StatePlan()
