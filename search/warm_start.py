"""What an earlier run teaches a new one: its trials that the new study could have proposed itself."""

from __future__ import annotations

from collections.abc import Iterable

from optuna.trial import FrozenTrial

from search.configurations import Configuration, configurations_of_arm
from search.optuna_studies import frozen_trial
from search.plan import plan_of
from search.results import load_results
from search.study import Study


def warm_trials(study: Study) -> dict[str, list[FrozenTrial]]:
    """Arm → the ended configurations of `search.warm_start`'s arm of the same name, as this study would tell them.

    Those whose values this study's space does not hold are left out. UserError where there is no run.
    """
    if study.search.warm_start is None:
        return {}
    earlier = load_results(study.search.warm_start)
    wanted = {plan.arm: len(plan.seeds) for plan in plan_of(earlier.study)}
    found: dict[str, list[FrozenTrial]] = {}
    for arm in set(study.arms) & set(wanted):
        configurations = configurations_of_arm(earlier.trials, arm, wanted[arm])
        found[arm] = [frozen_trial(study, one) for one in _useful(study, configurations)]
    return found


def _useful(study: Study, configurations: Iterable[Configuration]) -> list[Configuration]:
    return [
        one
        for one in configurations
        if one.told() in ("complete", "pruned") and study.space.accepts(one.values, one.arm)
    ]
