"""The samplers of the built-in algorithms, seeded per proposal, and a quasi-random one that copes with conditional keys."""

from __future__ import annotations

import hashlib
import pkgutil
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial

from search.study.searching.algorithms import ALGORITHMS
from search.study.sections import SearchConfig
from search.study.study import Study
from search.tuning.proposals.own import own_sampler
from search.tuning.proposals.places import Numeric, place_in

SMALLEST_STARTUP, LARGEST_STARTUP = 4, 10
"""TPE and GP draw at random first: a third of an arm's trials, within these bounds."""


def seed_of(*parts: Any) -> int:
    """A 32-bit seed that depends on every part and on nothing else."""
    digest = hashlib.sha256("/".join(str(part) for part in parts).encode("utf-8")).digest()
    return int.from_bytes(digest[:4], "big")


@dataclass(frozen=True)
class Ask:
    """One proposal: what its sampler depends on, beside what was told before.

    `names` are the keys that may be drawn, in order; `steady` those of them that every configuration has, whatever it draws.
    """

    search: SearchConfig
    arm: str
    number: int
    names: tuple[str, ...]
    steady: Mapping[str, BaseDistribution]
    attempt: int = 0

    @property
    def seed(self) -> int:
        return seed_of(self.search.seed, self.arm, self.number, self.attempt)

    @property
    def startup(self) -> int:
        """Configurations drawn at random before the algorithm learns."""
        return min(LARGEST_STARTUP, max(SMALLEST_STARTUP, self.search.trials_per_arm // 3))


def ask_of(study: Study, arm: str, number: int, attempt: int = 0) -> Ask:
    """What configuration `number` of an arm is drawn with; an attempt after the first has another seed."""
    steady = {one.name: one.distribution.optuna() for one in study.space.steady(arm)}
    names = tuple(one.name for one in study.space.for_arm(arm))
    return Ask(study.search, arm, number, names, steady, attempt)


def make_sampler(ask: Ask) -> BaseSampler:
    """The sampler of one proposal; it depends on `ask` and on nothing else. OwnPartFailed for a user's that cannot be made."""
    sampler = ALGORITHMS[ask.search.algorithm].sampler
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        if not isinstance(sampler, str):
            return own_sampler(sampler, ask.seed, ask.search.algorithm_args)
        made: BaseSampler = pkgutil.resolve_name(sampler)(ask)
    return made


def tpe(ask: Ask) -> BaseSampler:
    """Grouped, so that keys under conditions are modelled and do not fall back to independent draws."""
    return optuna.samplers.TPESampler(
        seed=ask.seed, n_startup_trials=ask.startup, multivariate=True, group=True, constant_liar=True
    )


def gp(ask: Ask) -> BaseSampler:
    return optuna.samplers.GPSampler(seed=ask.seed, n_startup_trials=ask.startup)


def nsga2(ask: Ask) -> BaseSampler:
    population = min(50, max(4, ask.search.trials_per_arm // 4))
    return optuna.samplers.NSGAIISampler(seed=ask.seed, population_size=population)


def random(ask: Ask) -> BaseSampler:
    return optuna.samplers.RandomSampler(seed=ask.seed)


def qmc(ask: Ask) -> BaseSampler:
    return SobolSampler(ask.names, seed_of(ask.search.seed, ask.arm, "sobol"), ask.number, ask.attempt)


def cmaes(ask: Ask) -> BaseSampler:
    """The numbers that every configuration has; TPE draws each other key by itself."""
    from search.tuning.proposals.cma import CmaSampler

    numbers = {name: one for name, one in ask.steady.items() if isinstance(one, Numeric)}
    return CmaSampler(numbers, ask.seed, optuna.samplers.TPESampler(seed=ask.seed, n_startup_trials=ask.startup))


class SobolSampler(BaseSampler):
    """Point `number` of a scrambled Sobol sequence with one dimension per parameter (Sobol 1967; Owen 1998).

    A parameter that a condition leaves out leaves its dimension unused, so all others keep their places. From the second
    `attempt` on the point is shifted, for spaces so small that the sequence repeats a configuration.
    """

    def __init__(self, names: tuple[str, ...], seed: int, number: int, attempt: int = 0) -> None:
        from scipy.stats import qmc  # 1.5 s that no other sampler needs

        engine = qmc.Sobol(d=max(1, len(names)), scramble=True, seed=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # a sequence drawn point by point has no balance to lose yet
            point = engine.random(number + 1)[-1]
        shift = np.random.default_rng(seed_of(seed, number, attempt)).random(len(point)) if attempt else 0.0
        self._share = dict(zip(names, (point + shift) % 1.0, strict=False))

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return {}

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return {}

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return place_in(param_distribution, float(self._share[param_name]))
