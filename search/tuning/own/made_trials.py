"""Trials made up to try a stopping rule on before there are any: as many as it waits for, getting through their states."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import accumulate
from types import MappingProxyType

from search.run.views import StateView, TrialView
from search.study.study import Study

MOST_REMOVED = 90.0
"""Percent, at the last state."""


def made_trials(study: Study) -> Iterator[tuple[TrialView, tuple[TrialView, ...]]]:
    """(a trial, its rivals) as each of its states ends where a rule is asked, of the first arm that one is asked about: one
    rival has ended, the others are where it is."""
    arms = [arm for arm in study.arms if arm not in study.control_arms()]
    rivals = max(2, study.scheduler.min_trials)
    whole = [_made(study, arms[0], number) for number in range(rivals + 1)] if arms else []
    for end in range(study.scheduler.grace_states, len(whole[0].states) if whole else 0):
        trial, *others = (_until(one, end) for one in whole[:-1])
        yield trial, (*others, whole[-1])


def _made(study: Study, arm: str, number: int) -> TrialView:
    values = study.space.sample(arm, seed=number)
    config = study.arms[arm].config(values)
    latency = 1.0 if config.measure.latency else None
    states = tuple(
        _state(number, state, state / max(1, config.states), epochs, latency)
        for state, epochs in enumerate(accumulate(config.epochs_of_states()))
    )
    settings = MappingProxyType(values)
    return TrialView(f"{arm}-{number:03d}", arm, "search", number, config.seed, "finished", settings, states)


def _until(trial: TrialView, end: int) -> TrialView:
    return replace(trial, status="running", states=trial.states[: end + 1])


def _state(number: int, state: int, share: float, epochs: int, latency_ms: float | None) -> StateView:
    """Accuracy falls with what goes, and a little from one trial to the next."""
    left = 1 - MOST_REMOVED / 100 * share
    accuracy = (0.5 + 0.4 * left) * 0.99**number
    return StateView(
        state=state,
        epochs=epochs,
        val_accuracy=accuracy,
        val_loss=1.5 * (1 - accuracy),
        params=round(1e6 * left),
        macs=round(1e7 * left),
        removed_percent=100 * (1 - left),
        training_macs=1e12 * epochs,
        seconds=10.0 * epochs,
        latency_ms=latency_ms,
    )
