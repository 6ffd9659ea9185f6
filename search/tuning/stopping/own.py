"""A user's own stopping rule: a function `(trial, rivals, removed_percent) -> bool`, or an object with a method `keeps`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from models.own_parts import OwnPart, wrong_part
from search.run.views import TrialView
from search.study.searching.scheduler import SchedulerConfig
from search.tuning.own.failing import OwnPartFailed, blamed_on

KEY = "scheduler.kind"
SIGNATURE = "(trial, rivals, removed_percent) -> bool"


class OwnRule:
    """Asks the user's part, and says whose error it is where that fails."""

    def __init__(self, part: OwnPart, config: SchedulerConfig) -> None:
        """OwnPartFailed where it cannot be made with `scheduler.args`, or takes other arguments than a rule is asked with."""
        self._part, self._config = part, config
        made = self._guarded(part.value, **config.args) if isinstance(part.value, type) else part.value
        self._judged_at: Callable[..., Any] | None = getattr(made, "judged_at", None)
        keeps = getattr(made, "keeps", made)
        if not callable(keeps):
            raise wrong_part(KEY, part, f"an object with a method keeps{SIGNATURE}")
        if config.args and made is part.value and keeps is not made:
            raise self._error(
                "is an object already, and scheduler.args are for a class or a function; name its class instead"
            )
        self._keeps: Callable[..., Any] = keeps
        self._named = config.args if keeps is part.value else {}
        self._check_takes()

    def judged_at(self, trial: TrialView, paired: bool) -> float | None:
        """Where the user's part does not say, at each state's end."""
        if self._judged_at is None:
            return trial.states[-1].removed_percent
        found = self._guarded(self._judged_at, trial, paired)
        if found is None or (isinstance(found, int | float) and not isinstance(found, bool)):
            return found
        raise self._error(f"judged_at gave {found!r:.60}, expected a percentage or None")

    def keeps(self, trial: TrialView, rivals: tuple[TrialView, ...], removed_percent: float) -> bool:
        """As the user's part says, once `scheduler.min_trials` have got there."""
        there = sum(one.val_accuracy_at(removed_percent) is not None for one in rivals)
        if there + 1 < self._config.min_trials:
            return True
        found = self._guarded(self._keeps, trial, rivals, removed_percent, **self._named)
        if type(found).__name__ in ("bool", "bool_"):  # numpy's too
            return bool(found)
        raise self._error(f"gave {found!r:.60} for {trial.id}, expected True to go on or False to stop")

    def _check_takes(self) -> None:
        try:
            inspect.signature(self._keeps).bind(None, (), 0.0, **self._named)
        except TypeError as error:
            raise self._error(f"{error}; a rule is asked {SIGNATURE}, after what scheduler.args gives") from error
        except ValueError:
            return  # something built in, which does not say what it takes

    def _guarded(self, asked: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        with blamed_on(self._part.origin.reference, KEY):
            return asked(*arguments, **named)

    def _error(self, text: str) -> OwnPartFailed:
        return OwnPartFailed(f"{self._part.origin.reference}: {text}", key=KEY)
