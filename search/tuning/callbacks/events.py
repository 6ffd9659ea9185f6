"""What there is to tell of a trial, as its record says. Each thing has a name, by which it is known whether it was told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from search.run.trials import RecordedTrial
from search.run.views import trial_view


@dataclass(frozen=True)
class Event:
    """`name` tells it from every other event of the run."""

    hook: str
    name: str
    arguments: tuple[Any, ...]

    @property
    def words(self) -> str:
        """Its name for people: without the number that tells one end of a trial from a later one."""
        return self.name.rpartition(" ")[0] if self.hook == "on_trial_end" else self.name


def names_of(trial: RecordedTrial) -> list[str]:
    """The names of what there is to tell of a trial, in order."""
    names = [f"{trial.id} begins", *(f"{trial.id} state {state.state}" for state in trial.states)]
    if trial.ended and trial.record is not None:
        # A trial that failed and went on ends again, in a later launch.
        names.append(f"{trial.id} {trial.status} {trial.record.reached.generation}")
    return names


def events_of(trial: RecordedTrial, told: set[str]) -> Iterator[Event]:
    """What of a trial has not been told yet."""
    lacking = [name for name in names_of(trial) if name not in told]
    if not lacking:
        return
    view = trial_view(trial)
    for name in lacking:
        kind = name.removeprefix(f"{trial.id} ")
        if kind == "begins":
            yield Event("on_trial_start", name, (view,))
        elif kind.startswith("state "):
            number = int(kind.removeprefix("state "))
            yield Event("on_state_end", name, (view, next(one for one in view.states if one.state == number)))
        else:
            yield Event("on_trial_end", name, (view,))
