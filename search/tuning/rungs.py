"""When a trial is stopped early: pure functions of what the trials of one arm had reached at the ends of their states.

Trials are compared at equal removal: a rung is a removed percentage, and a trial's value there is its validation accuracy
between the two state ends on either side. Successive halving after Li et al. (ASHA, 2020), in its form that only ever
stops; the median rule after Golovin et al. (2017).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from search.run.curves import mean_or_none, objective_value
from search.study.objectives import Objective
from search.study.sections import SchedulerConfig
from trainables.files.record import StateEnd

LOWEST_RUNG = 10.0
"""Percent removed under which there is no rung by default: hardly anything has happened there."""

States = Sequence[StateEnd]


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


def value_at(states: States, removed_percent: float) -> float | None:
    """Validation accuracy at `removed_percent` removed; None where the trial has not got there.

    A trial that removes so much at once that it begins beyond `removed_percent` is not comparable there either.
    """
    return objective_value(states, Objective(metric="val_accuracy", direction="max", at=removed_percent))


def running_mean(states: States, removals: Sequence[float]) -> float | None:
    """Mean accuracy over `removals` (percent removed); None where there are none or the trial has not been at one of them."""
    return mean_or_none([value_at(states, removed_percent) for removed_percent in removals])


def crossed_rung(states: States, rungs: Sequence[float], grace: int) -> float | None:
    """The highest rung that the newest state brought within reach; None where it brought none.

    Rungs crossed before the end of state `grace` are judged there.
    """
    if not states or states[-1].state < grace:
        return None
    before = states[-2].removed_percent if len(states) > 1 and states[-1].state > grace else -math.inf
    crossed = [rung for rung in rungs if before < rung <= states[-1].removed_percent]
    return max(crossed, default=None)


def highest_rung(states: States, rungs: Sequence[float]) -> float | None:
    """The highest rung that a trial has reached."""
    return max((rung for rung in rungs if states and rung <= states[-1].removed_percent), default=None)


def survives_halving(value: float, all_values: Sequence[float], config: SchedulerConfig) -> bool:
    """Whether `value` is among the best 1/reduction_factor (rounded up) of `all_values`, itself included; ties go on."""
    if len(all_values) < config.min_trials:
        return True
    keep = math.ceil(len(all_values) / config.reduction_factor - 1e-9)
    return value >= sorted(all_values, reverse=True)[keep - 1]


def survives_median(value: float, others: Sequence[float], config: SchedulerConfig) -> bool:
    """Whether a trial's running mean is at least the median of the other trials', over the same removals."""
    if len(others) + 1 < max(2, config.min_trials):
        return True
    return value >= median(others)
