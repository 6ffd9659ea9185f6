"""Whether a trial is to be stopped now, decided from the records alone, so that a resumed run decides alike.

Each arm is judged for itself, controls and confirming trials never. Trials that belong together, the seeds of one configuration
and, under shared pairing, the arms' trials of one number, stop together or not at all: only when each of them would."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from search.run.trials import RecordedTrial
from search.study.sections import SchedulerConfig
from search.study.study import Study
from search.tuning import rungs
from search.tuning.rungs import value_at


def stop_reason(study: Study, trials: Iterable[RecordedTrial], trial: RecordedTrial) -> str | None:
    """Why `trial`, which stands at the end of a state, is to be stopped; None to go on."""
    config = study.scheduler
    if config.kind == "none" or trial.identity.phase != "search" or trial.identity.arm in study.control_arms():
        return None
    if not trial.states or trial.last.state < config.grace_states:
        return None
    search = trial.identity.replicate
    peers = [other for other in trials if other.identity.phase == "search" and other.identity.replicate == search]
    partners = partners_of(study, peers, trial)
    removed_percent = _removal_to_judge_at(config, trial, partners)
    if removed_percent is None:
        return None
    if any(_survives(config, peers, one, removed_percent) for one in (trial, *partners)):
        return None
    value = value_at(trial.states, removed_percent)
    return f"{config.kind}: val_accuracy {value:.4f} at {removed_percent:.3g} % removed is too low for {trial.identity.arm}"


def partners_of(study: Study, trials: Sequence[RecordedTrial], trial: RecordedTrial) -> list[RecordedTrial]:
    """The other trials that stop together with this one."""
    shared, controls = study.search.pairing == "shared", set(study.control_arms())
    return [
        other
        for other in trials
        if other.id != trial.id
        and other.identity.number == trial.identity.number
        and (other.identity.arm == trial.identity.arm or (shared and other.identity.arm not in controls))
    ]


def _removal_to_judge_at(
    config: SchedulerConfig, trial: RecordedTrial, partners: Sequence[RecordedTrial]
) -> float | None:
    """The removed percentage to judge at now: where the trial has just arrived, and its partners have been."""
    states = trial.states
    if config.kind == "median":
        removed_percent: float | None = states[-1].removed_percent
    elif partners:
        # A trial that came first goes on until its partners are there, so each of its state ends may be the one.
        removed_percent = rungs.highest_rung(states, rungs.rungs_of(config, trial.identity.number))
    else:
        removed_percent = rungs.crossed_rung(states, rungs.rungs_of(config, trial.identity.number), config.grace_states)
    if removed_percent is None or not all(_has_been_at(partner, removed_percent) for partner in partners):
        return None
    return removed_percent if value_at(states, removed_percent) is not None else None


def _has_been_at(trial: RecordedTrial, removed_percent: float) -> bool:
    return trial.ended or value_at(trial.states, removed_percent) is not None


def _survives(
    config: SchedulerConfig, peers: Sequence[RecordedTrial], trial: RecordedTrial, removed_percent: float
) -> bool:
    value = value_at(trial.states, removed_percent)
    if value is None:
        return False
    bracket = rungs.bracket_of(config, trial.identity.number)
    rivals = [
        other
        for other in peers
        if other.identity.arm == trial.identity.arm
        and other.id != trial.id
        and rungs.bracket_of(config, other.identity.number) == bracket
    ]
    if config.kind == "median":
        return _survives_median(config, trial, rivals, removed_percent)
    reached = [value_at(rival.states, removed_percent) for rival in rivals]
    return rungs.survives_halving(value, [value, *(one for one in reached if one is not None)], config)


def _survives_median(
    config: SchedulerConfig, trial: RecordedTrial, rivals: Sequence[RecordedTrial], removed_percent: float
) -> bool:
    """By the mean over the removals that the trial has been through, as Golovin et al. do: one state's luck decides less."""
    removals = [
        state.removed_percent
        for state in trial.states
        if state.state >= config.grace_states and state.removed_percent <= removed_percent
    ]
    own, *others = [rungs.running_mean(one.states, removals) for one in (trial, *rivals)]
    return own is None or rungs.survives_median(own, [one for one in others if one is not None], config)
