"""What an algorithm asks of the space and of the objectives, and what of a space it cannot learn about."""

from __future__ import annotations

import math

from search.space.distributions import Choice
from search.space.parameter import Parameter
from search.study.arm import Arm
from search.study.searching.algorithms import ALGORITHMS, algorithm_traits
from search.study.study import Study

GENERATIONS = 3
"""Of CMA-ES, fewer of which have hardly turned its distribution."""


def check_algorithm(study: Study) -> None:
    """UserError for what the algorithm cannot do at all."""
    search, traits = study.search, algorithm_traits(study.search.algorithm)
    if len(search.objective) > 1 and not traits.takes_objectives:
        able = ", ".join(
            one.name for one in ALGORITHMS.built_in.values() if one.takes_objectives and not one.enumerates
        )
        raise study.sources.error(
            ("search", "algorithm"),
            f": {traits.name} takes one objective, found {len(search.objective)}; give one, or take one of {able}",
        )
    searching = [arm for arm in study.arms.values() if arm.parameters]
    if searching and not traits.models_choices and not any(_modelled(study, arm) for arm in searching):
        raise study.sources.error(
            ("search", "algorithm"),
            f": {traits.name} searches numbers that every configuration has, and the space has none (choices and keys under "
            "`when` are none); tpe searches all of it",
        )


def algorithm_warnings(study: Study) -> list[str]:
    """What the algorithm will not learn about."""
    traits = algorithm_traits(study.search.algorithm)
    if not traits.models_choices:
        return [*_left_to_others(study), *_few_generations(study)]
    if not traits.models_conditions and any(map(study.space.is_conditional, study.arms)):
        return [f"search.algorithm: {traits.name} cannot model conditional keys; tpe can"]
    return []


def _modelled(study: Study, arm: Arm) -> list[Parameter]:
    return [one for one in study.space.steady(arm.name) if not isinstance(one.distribution, Choice)]


def _left_to_others(study: Study) -> list[str]:
    why: dict[str, str] = {}
    for arm in study.arms.values():
        modelled = _modelled(study, arm)
        for one in arm.parameters:
            if one not in modelled:
                why[one.key] = "a choice" if isinstance(one.distribution, Choice) else "under `when`"
    if not why:
        return []
    named = ", ".join(f"{key} ({reason})" for key, reason in why.items())
    return [
        f"search.algorithm: {study.search.algorithm} learns about numbers that every configuration has; TPE draws each of the "
        f"others by itself: {named}"
    ]


def _few_generations(study: Study) -> list[str]:
    dimensions = max(len(_modelled(study, arm)) for arm in study.arms.values())
    generation = 4 + math.floor(3 * math.log(dimensions)) if dimensions else 0
    wanted = GENERATIONS * generation
    if study.search.trials_per_arm >= wanted:
        return []
    return [
        f"search.algorithm: {study.search.algorithm} learns after every {generation} configurations of {dimensions} numbers, "
        f"so search.trials_per_arm should be {wanted} or more, found {study.search.trials_per_arm}; tpe learns from fewer"
    ]
