"""One Optuna study per arm, rebuilt from the records: what it is told is what happened, and nothing else is kept.

Finished configurations are COMPLETE with the value of every state, early-stopped ones PRUNED with what they reached, crashed or
diverged ones FAIL, and those under way RUNNING, so that the next proposal keeps its distance from them.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import optuna
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

from search.run.plan import plan_of
from search.run.possible.warm_start import why_nothing_to_learn
from search.run.results import load_results
from search.study.searching.algorithms import ALGORITHMS, algorithm_traits
from search.study.study import Study
from search.tuning.configurations import Configuration, configurations_of_arm
from search.tuning.own.failing import OwnPartFailed, blamed_on
from search.tuning.proposals.own import KEY
from search.tuning.proposals.samplers import Ask, ask_of, make_sampler, seed_of
from search.tuning.proposals.told import Told, told_trial

DIRECTIONS = {"max": StudyDirection.MAXIMIZE, "min": StudyDirection.MINIMIZE}
ATTEMPTS = 20
"""Draws before a configuration that was proposed already is accepted again."""


@dataclass(frozen=True)
class Proposal:
    """`values`: the searched keys; `drawn`: what the sampler noted about its own draw (a generation, for instance)."""

    values: dict[str, Any]
    drawn: dict[str, Any] = field(default_factory=dict)


def propose(
    study: Study,
    arm: str,
    number: int,
    past: Sequence[Configuration],
    warm: Sequence[FrozenTrial] = (),
    told: Told | None = None,
) -> Proposal:
    """Configuration `number` of an arm, given the arm's earlier ones; the same again for the same records.

    `warm` are trials of an earlier run to learn from. `told` is what is kept between one proposal and the next. OwnPartFailed
    where a user's own sampler fails, or leaves the space.
    """
    told = Told() if told is None else told
    traits = algorithm_traits(study.search.algorithm)
    if traits.enumerates:
        return Proposal(grid_point(study, arm, number))
    fixed = fixed_values(study, arm, number)
    taken = [configuration.values for configuration in past]
    if traits.draws:
        past, warm = (), ()
    algorithm = study.search.algorithm
    for attempt in range(ATTEMPTS):
        with blamed_on(algorithm, KEY) if ALGORITHMS.is_own(algorithm) else nullcontext():
            optuna_study = rebuild(study, past, make_sampler(ask_of(study, arm, number, attempt)), warm, told=told)
            values = study.space.suggest(optuna_study.ask(), arm, fixed)
            check_within(study, arm, values, fixed)
        if values not in taken:
            break
    drawn = optuna_study.get_trials(deepcopy=False)[-1].system_attrs
    plain = {key: value for key, value in drawn.items() if isinstance(value, str | int | float | list | bool)}
    return Proposal(values, plain)


def check_within(study: Study, arm: str, values: Mapping[str, Any], fixed: Mapping[str, Any]) -> None:
    """OwnPartFailed for a value that was drawn and lies outside the space: Optuna does not look at what a sampler draws for one
    key by itself. Those in `fixed` were not drawn, and may lie there."""
    chosen: dict[str, Any] = {}
    for parameter in study.space.active(arm, chosen):
        key = parameter.key
        value = chosen[key] = values[key]
        if key not in fixed and not parameter.distribution.contains(value):
            raise OwnPartFailed(
                f"{study.search.algorithm} proposed {key} = {value!r} for {arm}, which lies outside the space "
                f"({key}: {_written(parameter.distribution.spec())}); a sampler draws from the distribution that it is given",
                key=KEY,
            )


def _written(spec: Mapping[str, Any]) -> str:
    return "{" + ", ".join(f"{name}: {value}" for name, value in spec.items()) + "}"


def grid_point(study: Study, arm: str, number: int) -> dict[str, Any]:
    """Point `number` of an arm's grid. Under shared pairing the shared keys vary slowest, so that every arm has the same."""
    space = study.space
    commons = space.shared().grid_points(arm) if study.search.pairing == "shared" else iter([{}])
    points = itertools.chain.from_iterable(space.grid_points(arm, common) for common in commons)
    return next(itertools.islice(points, number, None))


def fixed_values(study: Study, arm: str, number: int) -> dict[str, Any]:
    """The keys of a configuration that the arm's sampler does not choose: enqueued ones, then shared ones."""
    shared = shared_values(study, number) if study.search.pairing == "shared" else {}
    entries = study.enqueued(arm)
    return shared | entries[number] if number < len(entries) else shared


def shared_values(study: Study, number: int) -> dict[str, Any]:
    """The keys common to all arms of configuration `number`: drawn once, whatever each arm's own study knows."""
    shared, arm = study.space.shared(), next(iter(study.arms))
    if not shared:
        return {}
    if study.search.algorithm != "qmc":
        return shared.sample(arm, seed_of(study.search.seed, "shared", number))
    names = tuple(parameter.name for parameter in shared.for_arm(arm))
    sampler = make_sampler(Ask(study.search, "shared", number, names, {}))
    return shared.suggest(rebuild(study, (), sampler).ask(), arm)


def rebuild(
    study: Study,
    configurations: Sequence[Configuration],
    sampler: optuna.samplers.BaseSampler | None = None,
    warm: Sequence[FrozenTrial] = (),
    storage: optuna.storages.BaseStorage | None = None,
    name: str | None = None,
    told: Told | None = None,
) -> optuna.Study:
    """The Optuna study of one arm's configurations, numbered as they are (after those of an earlier run, if any)."""
    directions = [DIRECTIONS[one.direction] for one in study.search.objective]
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    optuna_study = optuna.create_study(directions=directions, sampler=sampler, storage=storage, study_name=name)
    told = Told() if told is None else told
    optuna_study.add_trials([*warm, *(told.trial(study, one) for one in configurations)])
    return optuna_study


def warm_trials(study: Study) -> dict[str, list[FrozenTrial]]:
    """Arm → the configurations of `search.warm_start`'s arm of the same name, as this study would tell them.

    Only those that it can be told of (`warm_start.py` says which). UserError where there is no run.
    """
    if study.search.warm_start is None:
        return {}
    earlier = load_results(study.search.warm_start)
    return {
        plan.arm: [
            told_trial(study, one)
            for one in configurations_of_arm(earlier.trials, plan.arm, len(plan.seeds))
            if not why_nothing_to_learn(study, study.arms[plan.arm], one.trials, one.wanted)
        ]
        for plan in plan_of(earlier.study)
        if plan.arm in study.arms and plan.replicate == 0
    }
