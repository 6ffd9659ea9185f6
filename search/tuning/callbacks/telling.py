"""Tells a user's callbacks, in the driver, what the records say and they have not been told.

What has been told is noted after telling it: a driver that is killed just then tells it again, and nothing is left out. A
callback that raises has been told, and the study goes on.
"""

from __future__ import annotations

import hashlib
import traceback
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any

from models.errors import UserError
from models.own_parts import users_error
from search.run.store import TrialStore
from search.run.trials import RecordedTrial
from search.study.searching.callbacks import CALLBACKS, CallbackConfig
from search.study.study import Study
from search.tuning.callbacks.events import Event, events_of
from search.tuning.callbacks.told import ToldEvents
from search.tuning.callbacks.views import StudyView, study_view

Say = Callable[[str], None]


class CallbackTeller:
    """`say` is given what the user should read, in one line; `log` what only the driver's log keeps. The caller holds the
    run's lock."""

    def __init__(self, study: Study, store: TrialStore, say: Say, log: Say) -> None:
        self._study, self._store, self._say, self._log = study, store, say, log
        self._complained: set[tuple[str, str]] = set()

    def prepare(self) -> None:
        """Make the objects, which is otherwise done when there is first something to tell. UserError where that fails."""
        assert self._objects is not None

    def study_starts(self) -> None:
        """A launch begins: that is told, then what an earlier one has left untold."""
        if not self._study.callbacks:
            return
        view = self._view()
        self._tell(lambda told: [Event("on_study_start", f"launch {view.launch}", (view,))])
        self.tell_of(self._store)

    def tell_of(self, trials: Iterable[RecordedTrial]) -> None:
        """What there is to tell of these trials."""
        if not self._study.callbacks:
            return
        known = list(trials)
        self._tell(lambda told: (event for trial in known for event in events_of(trial, told)))

    def study_ends(self) -> None:
        """The study is complete: all that is left to tell, and that. It is told again where the run has grown since."""
        if not self._study.callbacks:
            return
        self.tell_of(self._store)
        ended = [trial.record.reached.generation for trial in self._store if trial.ended and trial.record is not None]
        # A trial that failed, and was gone on with, has ended in a later launch.
        name = f"complete {len(ended)} by launch {max(ended, default=0)}"
        self._tell(lambda told: [Event("on_study_end", name, (self._view(),))])

    def _view(self) -> StudyView:
        run = self._store.run
        return study_view(self._study, run.address, self._store.guard.generation, self._store)

    @cached_property
    def _told(self) -> ToldEvents:
        return ToldEvents(self._store.run.path)

    @cached_property
    def _objects(self) -> dict[str, Any]:
        """Made when there is first something to tell."""
        return {name: made(one) for name, one in self._named}

    @cached_property
    def _named(self) -> list[tuple[str, CallbackConfig]]:
        """The second of two equal ones is another one."""
        names = [name_of(one) for one in self._study.callbacks]
        again = [names[:place].count(name) for place, name in enumerate(names)]
        numbered = [f"{name} ({before + 1})" if before else name for name, before in zip(names, again, strict=True)]
        return list(zip(numbered, self._study.callbacks, strict=True))

    def _tell(self, events: Callable[[set[str]], Iterable[Event]]) -> None:
        for name, config in self._named:
            lacking = [event for event in events(self._told.of(name)) if event.name not in self._told.of(name)]
            if not lacking:
                continue
            self._store.guard()  # who has lost the run tells nothing more
            for event in lacking:
                self._call(name, config, event)
                self._told.note(name, [event.name])

    def _call(self, name: str, config: CallbackConfig, event: Event) -> None:
        hook = getattr(self._objects[name], event.hook, None)
        if not callable(hook):
            return
        try:
            hook(*event.arguments)
        except Exception as error:
            self._complain(name, config, event, error)

    def _complain(self, name: str, config: CallbackConfig, event: Event, error: Exception) -> None:
        what = without_addresses(f"{name}: {event.hook} of {event.words}: {users_error(error)}", config)
        if (name, event.hook) in self._complained:
            self._log(what)
            return
        self._complained.add((name, event.hook))
        self._log(without_addresses("".join(traceback.format_exception(error)).rstrip(), config))
        self._say(f"callback {what}; the study goes on (traceback in driver.log, further ones told there alone)")


def name_of(config: CallbackConfig) -> str:
    """Tells one of a study's callbacks from the others: the same class made otherwise is another one.

    Its arguments stand there as a digest: one of them may be an address that holds a secret.
    """
    if not config.args:
        return config.use
    arguments = ", ".join(f"{key}={value!r}" for key, value in sorted(config.args.items()))
    return f"{config.use}({hashlib.sha256(arguments.encode()).hexdigest()[:8]})"


def without_addresses(text: str, config: CallbackConfig) -> str:
    """An error's text, which may repeat an address that the callback was given."""
    for value in config.args.values():
        if isinstance(value, str) and "://" in value:
            text = text.replace(value, "(its address)")
    return text


def made(config: CallbackConfig) -> Any:
    """The object that is told; a class is made one of. UserError where that fails."""
    value = CALLBACKS[config.use].value
    if not isinstance(value, type):
        return value
    try:
        return value(**config.args)
    except Exception as error:
        raise UserError(f"{config.use}: {users_error(error)}; correct it there", key="callbacks") from error
