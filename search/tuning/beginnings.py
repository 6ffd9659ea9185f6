"""Which trials would wait: those whose next state another trial is training at this moment.

A trial that waits holds a slot and trains nothing, so the queue hands out another one where it can. What is asked here is the
configurations; whether a state can really be taken over the trial itself finds out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from search.run.trials import RecordedTrial
from trainables.config.trial import TrialConfig
from trainables.stages.recipe import recipes_of, shared_by_all_states


@dataclass
class Beginnings:
    """The states that a run's trials have trained, and those that trials under way are training."""

    _known: dict[tuple[str, str | None], tuple[str, ...]] = field(default_factory=dict)
    """Trial and what it repeats → the names of its beginnings up to each state."""

    def would_wait(self, config: Mapping[str, Any], trials: Iterable[RecordedTrial], live: Iterable[str]) -> bool:
        """Whether a trial of this configuration begins with states that are there, and goes on with one being trained."""
        trained: set[str] = set()
        training: set[str] = set()
        under_way = frozenset(live)
        for trial in trials:
            names, done = self._names(trial), len(trial.states)
            trained.update(names[:done])
            if trial.id in under_way and not trial.ended:
                training.update(names[done : done + 1])
        following = next((name for name in beginnings_of(config) if name not in trained), None)
        return following in training

    def _names(self, trial: RecordedTrial) -> tuple[str, ...]:
        key = trial.id, trial.source
        if key not in self._known:
            self._known[key] = beginnings_of(trial.config)
        return self._known[key]


def beginnings_of(config: Mapping[str, Any]) -> tuple[str, ...]:
    """A name for a trial's states up to each: the same where two configurations ask for the same up to there."""
    trial = TrialConfig.model_validate(config)
    digest = hashlib.sha256(_text(shared_by_all_states(trial)))
    names = []
    for recipe in recipes_of(trial):
        digest.update(_text(recipe))
        names.append(digest.hexdigest())
    return tuple(names)


def _text(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True).encode()
