"""Which trials would wait: those whose next state another trial is training at this moment.

A trial that waits holds a slot and trains nothing, so the queue hands out another one where it can. What is asked here is the
configurations; whether a state can really be taken over the trial itself finds out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from search.run.trials import RecordedTrial
from trainables.config.trial import TrialConfig
from trainables.stages.recipe import chained, digest_of, recipes_of, shared_by_all_states


@dataclass(frozen=True)
class Standing:
    """The states that a run's trials have trained, and those that trials under way are training, each by its name."""

    trained: frozenset[str]
    training: frozenset[str]

    def would_wait(self, config: Mapping[str, Any]) -> bool:
        """Whether a trial of this configuration begins with states that are there, and goes on with one being trained."""
        following = next((name for name in beginnings_of(config) if name not in self.trained), None)
        return following in self.training

    def makes_wait(self, trial: RecordedTrial) -> bool:
        """The same of a trial that was begun: in the middle of a state it goes on with that, whoever else is training it."""
        halfway = trial.record is not None and len(trial.record.epochs) > (trial.last.epochs if trial.states else 0)
        return not halfway and self.would_wait(trial.config)


NOTHING = Standing(frozenset(), frozenset())
"""Nobody trains anything that another could wait for."""


@dataclass
class Beginnings:
    """Of each trial and what it repeats the names of its states; they are worked out once."""

    _known: dict[tuple[str, str | None], tuple[str, ...]] = field(default_factory=dict)

    def standing(self, trials: Iterable[RecordedTrial], live: Collection[str]) -> Standing:
        """As these trials stand now, of which `live` are under way."""
        trained: set[str] = set()
        training: set[str] = set()
        for trial in trials:
            names, done = self._names(trial), len(trial.states)
            trained.update(names[:done])
            if trial.id in live and not trial.ended:
                training.update(names[done : done + 1])
        return Standing(frozenset(trained), frozenset(training))

    def _names(self, trial: RecordedTrial) -> tuple[str, ...]:
        key = trial.id, trial.source
        if key not in self._known:
            self._known[key] = beginnings_of(trial.config)
        return self._known[key]


def beginnings_of(config: Mapping[str, Any]) -> tuple[str, ...]:
    """A name for a trial's states up to each: the same where two configurations ask for the same up to there."""
    trial = TrialConfig.model_validate(config)
    return chained(digest_of(shared_by_all_states(trial)), recipes_of(trial))
