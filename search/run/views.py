"""A trial as a user's own stopping rules and callbacks see it: plain, frozen, and without anything of the test split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from types import MappingProxyType
from typing import Any

from search.run.curves import Curve, curve_through
from search.run.trials import RecordedTrial
from trainables.files.record import ENDED, StateEnd


@dataclass(frozen=True)
class StateView:
    """A state's end: the compact network after its last epoch. Accuracy is in [0, 1], of the validation split."""

    state: int
    epochs: int
    """Epochs trained in all states up to this one's end."""
    val_accuracy: float
    val_loss: float
    params: int
    macs: int
    """Multiply-accumulates for one image."""
    removed_percent: float
    """Of the parameters that the trial's target names."""
    training_macs: float
    seconds: float
    """Training time of all states up to here."""
    latency_ms: float | None = None


@dataclass(frozen=True)
class TrialView:
    """A trial as its record says it is now. `number` counts its arm's configurations from 0."""

    id: str
    arm: str
    phase: str
    """`search` or `confirm`."""
    number: int
    seed: int
    status: str
    """`pending`, `running`, `finished`, `stopped`, `diverged`, `failed` or `interrupted`."""
    settings: Mapping[str, Any]
    """The searched keys and their values."""
    states: tuple[StateView, ...]
    """The ends of its completed states, in order."""
    reason: str | None = None
    """Why it was stopped, or the error it failed with."""

    @property
    def ended(self) -> bool:
        """Whether it will get no further: all statuses but pending, running and interrupted."""
        return self.status in ENDED

    def val_accuracy_at(self, removed_percent: float) -> float | None:
        """Validation accuracy at that removal, on the straight line between the state ends on either side.

        None where the trial has not got there, or begins beyond it: nothing is extrapolated.
        """
        return self._curve.at(removed_percent)

    @cached_property
    def _curve(self) -> Curve:
        return curve_through({state.removed_percent: state.val_accuracy for state in self.states})


FIGURES = tuple(one.name for one in fields(StateView))


def state_view(state: StateEnd) -> StateView:
    return StateView(**{name: getattr(state, name) for name in FIGURES})


def trial_view(trial: RecordedTrial) -> TrialView:
    """What a user's own parts are shown of a trial."""
    one = trial.identity
    return TrialView(
        id=one.id,
        arm=one.arm,
        phase=one.phase,
        number=one.number,
        seed=one.seed,
        status=trial.status,
        settings=MappingProxyType(dict(trial.values)),
        states=tuple(map(state_view, trial.states)),
        reason=trial.record.reason if trial.record else None,
    )
