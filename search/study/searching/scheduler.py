"""The section `scheduler` of a study file: early stopping."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from models.section import OneOf, Section
from search.study.searching.stopping_rules import NOTHING, STOPPING_RULES

Percent = Annotated[float, Field(ge=0, le=100)]


class SchedulerConfig(Section):
    """Early stopping, at the ends of states alone, per arm; controls and confirming trials are never stopped.

    `none` stops nothing; so does leaving the section out.
    """

    kind: Annotated[str, OneOf(STOPPING_RULES)] = NOTHING
    """The rule, or one [of one's own](own-search.md#a-stopping-rule)."""
    rungs: tuple[Percent, ...] | None = None
    """Removed percentages at which trials of an arm are compared; default: spaced by `reduction_factor`."""
    reduction_factor: float = Field(3.0, gt=1)
    """At each rung the best 1/reduction_factor go on (asha, hyperband)."""
    brackets: int = Field(3, ge=1)
    """hyperband: how many ASHA brackets, each beginning one rung later."""
    grace_states: int = Field(1, ge=0)
    """No trial is stopped before the end of this state."""
    min_trials: int = Field(3, ge=1)
    """No trial is stopped at a rung before so many of its arm have reached it."""
    args: dict[str, Any] = Field(default_factory=dict)
    """What a rule of one's own is made with, by name."""

    @model_validator(mode="after")
    def _rungs_rise(self) -> Self:
        if self.rungs is not None and list(self.rungs) != sorted(set(self.rungs)):
            raise ValueError(f"rungs must rise, found {list(self.rungs)}")
        return self

    @model_validator(mode="after")
    def _args_are_of_ones_own(self) -> Self:
        if self.args and not STOPPING_RULES.is_own(self.kind):
            raise ValueError(f"args are for a rule of one's own, and {self.kind} has its settings beside it")
        return self
