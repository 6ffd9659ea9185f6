"""What Optuna is told of a run's configurations, worked out once for each as it stands.

A proposal is made from all that went before. What it costs must not be that everything is worked out and copied again: of 2,500
configurations that was nine tenths of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import is_
from typing import Any, Self

import optuna
from optuna.trial import FrozenTrial, TrialState

from search.run.curves import violation
from search.run.trials import RecordedTrial
from search.study.study import Study
from search.tuning.configurations import Configuration

USEFUL = (TrialState.COMPLETE, TrialState.PRUNED)
"""What a later study learns from, and what a constraint is told of."""


class ToldTrial(FrozenTrial):
    """A trial whose parts nobody changes, here or in Optuna's storages, which replace what they would change. So that a copy
    may share them: Optuna copies every trial it is given, to the last number."""

    @classmethod
    def of(cls, trial: FrozenTrial) -> Self:
        told = cls.__new__(cls)
        told.__dict__.update(trial.__dict__)
        return told

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self.of(self)


@dataclass
class Told:
    """The trials of one run's configurations, as long as the configurations stay what they are."""

    _known: dict[tuple[str, int, int], tuple[tuple[RecordedTrial, ...], ToldTrial]] = field(default_factory=dict)

    def trial(self, study: Study, configuration: Configuration) -> ToldTrial:
        """One configuration as Optuna keeps it: true in its state, values, constraints and every state's value.

        `study` is always the same for configurations of one replicate.
        """
        trials = configuration.trials
        key = configuration.arm, trials[0].identity.replicate, configuration.number
        known, made = self._known.get(key, ((), None))
        # A trial of which more has been read is another object.
        if made is None or len(known) != len(trials) or not all(map(is_, known, trials)):
            made = told_trial(study, configuration)
            self._known[key] = trials, made
        return made


def told_trial(study: Study, configuration: Configuration) -> ToldTrial:
    """The same of a configuration that is looked at once."""
    told = configuration.told()
    objectives = study.search.objective
    values = [configuration.value(objective) for objective in objectives]
    if told == TrialState.COMPLETE and None in values:
        # It ended without reaching the removal that the objective is read at.
        told = TrialState.FAIL
    params, distributions = study.space.to_optuna(
        configuration.values, configuration.arm, _outside(study, configuration)
    )
    curves = [states for states in configuration.curves if states]
    constraints = {
        f"constraints:{constraint.text()}": max(violation(states, constraint) for states in curves)
        for constraint in study.search.constraints
        if told in USEFUL and curves
    }
    made = optuna.trial.create_trial(
        state=told,
        values=[float(value) for value in values if value is not None] if told == TrialState.COMPLETE else None,
        params=params,
        distributions=distributions,
        # Optuna has no intermediate values where there are several objectives.
        intermediate_values=configuration.intermediate(objectives[0]) if len(objectives) == 1 else None,
        system_attrs={**configuration.drawn, **constraints},
        user_attrs={
            "arm": configuration.arm,
            "number": configuration.number,
            "trials": [trial.id for trial in configuration.trials],
            "statuses": [trial.status for trial in configuration.trials],
        },
    )
    return ToldTrial.of(made)


def _outside(study: Study, configuration: Configuration) -> Mapping[str, Any]:
    """Enqueued values may lie outside the declared ranges; Optuna cannot hold those."""
    searched = study.arms[configuration.arm].parameters
    return {
        key: value
        for key, value in configuration.values.items()
        if not any(one.distribution.contains(value) for one in searched if one.key == key)
    }
