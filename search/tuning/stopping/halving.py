"""Successive halving after Li et al. (ASHA, 2020), in its form that only ever stops, and hyperband's brackets of it.

Trials are compared at equal removal: a rung is a removed percentage, and a trial's value there is its validation accuracy
between the two state ends on either side.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from search.run.views import StateView, TrialView
from search.study.searching.scheduler import SchedulerConfig

LOWEST_RUNG = 10.0
"""Percent removed under which there is no rung by default: hardly anything has happened there."""


@dataclass(frozen=True)
class Halving:
    """`asha` and `hyperband`."""

    config: SchedulerConfig

    def judged_at(self, trial: TrialView, paired: bool) -> float | None:
        """The rung that it has just reached. A paired trial that came first goes on until the others are there, so each of its
        later state ends may be the one to judge it at the highest of its rungs."""
        rungs = rungs_of(self.config, trial.number)
        if paired:
            return highest_rung(trial.states, rungs)
        return crossed_rung(trial.states, rungs, self.config.grace_states)

    def keeps(self, trial: TrialView, rivals: tuple[TrialView, ...], removed_percent: float) -> bool:
        bracket = bracket_of(self.config, trial.number)
        others = [one for one in rivals if bracket_of(self.config, one.number) == bracket]
        own, *reached = [one.val_accuracy_at(removed_percent) for one in (trial, *others)]
        return own is None or survives_halving(own, [own, *(one for one in reached if one is not None)], self.config)


def default_rungs(reduction_factor: float) -> tuple[float, ...]:
    """100 / reduction_factor^k for k = 1, 2, …, from the lowest that is at least 10 % removed."""
    count = max(1, math.floor(math.log(100 / LOWEST_RUNG, reduction_factor) + 1e-9))
    return tuple(100 / reduction_factor**k for k in range(count, 0, -1))


def all_rungs(config: SchedulerConfig) -> tuple[float, ...]:
    return default_rungs(config.reduction_factor) if config.rungs is None else config.rungs


def rungs_of(config: SchedulerConfig, number: int) -> tuple[float, ...]:
    """The rungs that configuration `number` is judged at: hyperband's bracket b leaves out the first b of them."""
    return all_rungs(config)[bracket_of(config, number) :]


def bracket_of(config: SchedulerConfig, number: int) -> int:
    """The bracket that a configuration is in; never more brackets than rungs, so that each one has a rung."""
    return number % max(1, min(config.brackets, len(all_rungs(config)))) if config.kind == "hyperband" else 0


def crossed_rung(states: Sequence[StateView], rungs: Sequence[float], grace: int) -> float | None:
    """The highest rung that the newest state brought within reach; None where it brought none.

    Rungs crossed before the end of state `grace` are judged there.
    """
    if not states or states[-1].state < grace:
        return None
    before = states[-2].removed_percent if len(states) > 1 and states[-1].state > grace else -math.inf
    crossed = [rung for rung in rungs if before < rung <= states[-1].removed_percent]
    return max(crossed, default=None)


def highest_rung(states: Sequence[StateView], rungs: Sequence[float]) -> float | None:
    """The highest rung that a trial has reached."""
    return max((rung for rung in rungs if states and rung <= states[-1].removed_percent), default=None)


def survives_halving(value: float, all_values: Sequence[float], config: SchedulerConfig) -> bool:
    """Whether `value` is among the best 1/reduction_factor (rounded up) of `all_values`, itself included; ties go on."""
    if len(all_values) < config.min_trials:
        return True
    keep = math.ceil(len(all_values) / config.reduction_factor - 1e-9)
    return value >= sorted(all_values, reverse=True)[keep - 1]
