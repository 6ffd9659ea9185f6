"""The median rule after Golovin et al. (2017): on the mean over the removals that a trial has been through, so that one state's
luck decides less."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from search.run.curves import mean_or_none
from search.run.views import TrialView
from search.study.searching.scheduler import SchedulerConfig


@dataclass(frozen=True)
class Median:
    """`median`."""

    config: SchedulerConfig

    def judged_at(self, trial: TrialView, paired: bool) -> float | None:
        return trial.states[-1].removed_percent

    def keeps(self, trial: TrialView, rivals: tuple[TrialView, ...], removed_percent: float) -> bool:
        removals = [
            state.removed_percent
            for state in trial.states
            if state.state >= self.config.grace_states and state.removed_percent <= removed_percent
        ]
        own, *others = [running_mean(one, removals) for one in (trial, *rivals)]
        return own is None or survives_median(own, [one for one in others if one is not None], self.config)


def running_mean(trial: TrialView, removals: Sequence[float]) -> float | None:
    """Mean accuracy over `removals` (percent removed); None where there are none or the trial has not been at one of them."""
    return mean_or_none([trial.val_accuracy_at(removed_percent) for removed_percent in removals])


def survives_median(value: float, others: Sequence[float], config: SchedulerConfig) -> bool:
    """Whether a trial's running mean is at least the median of the other trials', over the same removals."""
    if len(others) + 1 < max(2, config.min_trials):
        return True
    return value >= median(others)
