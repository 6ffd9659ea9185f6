"""What a pruning method answers: Refill, RSST and every control the same questions, so they differ in nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, get_args

from pruning.allocation import Drop

Coupling = Literal["decoupled", "gradient"]
COUPLINGS: tuple[Coupling, ...] = get_args(Coupling)


@dataclass(frozen=True)
class RsstSettings:
    """How RSST shrinks: exactly one of `shrink` in (0, 1) (decoupled only) and `lambda_max` > 0 gives the strength.

    `ramp` and `hold` are shares of the state's optimiser steps, ramp + hold <= 1; `exponent` p > 0 acts in the curve
    `exp_custom_exponents`.
    """

    curve: str = "exp_custom_exponents"
    exponent: float = 2.0
    shrink: float | None = 0.01
    lambda_max: float | None = None
    coupling: Coupling = "decoupled"
    ramp: float = 0.6
    hold: float = 0.1


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


class Method(Protocol):
    """One method. All but `plan` says where a control departs from the trial's settings.

    `criterion` and `schedule` replace the trial's where they are not None. `removes`: units are scored, selected and
    removed. `masks`: unstructured masks instead. `from_scratch`: the trial starts from random weights in a named arm's
    final structure.
    """

    @property
    def name(self) -> str: ...

    @property
    def criterion(self) -> str | None: ...

    @property
    def schedule(self) -> str | None: ...

    @property
    def removes(self) -> bool: ...

    @property
    def masks(self) -> bool: ...

    @property
    def from_scratch(self) -> bool: ...

    def plan(self, drop: Drop, learning_rates: Sequence[float], settings: RsstSettings | None) -> StatePlan:
        """The plan of one state for the selected `drop`; `learning_rates` holds one for each of its optimiser steps."""
        ...


@dataclass(frozen=True)
class RemoveAtOnce:
    """A method that removes the selected units before the state's first step."""

    name: str
    criterion: str | None = None
    schedule: str | None = None
    removes: bool = True
    masks: bool = False
    from_scratch: bool = False

    def plan(self, drop: Drop, learning_rates: Sequence[float], settings: RsstSettings | None) -> StatePlan:
        return StatePlan(remove_now=dict(drop))


@dataclass(frozen=True)
class RemoveNothing:
    """A method that leaves the units alone: its states only train."""

    name: str
    criterion: str | None = None
    schedule: str | None = None
    removes: bool = False
    masks: bool = False
    from_scratch: bool = False

    def plan(self, drop: Drop, learning_rates: Sequence[float], settings: RsstSettings | None) -> StatePlan:
        if drop:
            raise ValueError(f"method {self.name} removes no units but was handed {len(drop)} groups to remove from")
        return StatePlan()
