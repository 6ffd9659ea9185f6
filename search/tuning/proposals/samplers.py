"""Optuna's samplers, seeded per proposal, and a quasi-random one that copes with conditional keys."""

from __future__ import annotations

import hashlib
import warnings
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial

from search.study.sections import SearchConfig

SMALLEST_STARTUP, LARGEST_STARTUP = 4, 10
"""TPE and GP draw at random first: a third of an arm's trials, within these bounds."""


def seed_of(*parts: Any) -> int:
    """A 32-bit seed that depends on every part and on nothing else."""
    digest = hashlib.sha256("/".join(str(part) for part in parts).encode("utf-8")).digest()
    return int.from_bytes(digest[:4], "big")


def make_sampler(search: SearchConfig, names: tuple[str, ...], arm: str, number: int, attempt: int) -> BaseSampler:
    """The sampler of one proposal: it depends on the search's seed, the arm, the configuration's number and the attempt.

    `names` are the arm's parameters, in order: the dimensions of the quasi-random sequence.
    """
    seed = seed_of(search.seed, arm, number, attempt)
    startup = min(LARGEST_STARTUP, max(SMALLEST_STARTUP, search.trials_per_arm // 3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        if search.algorithm == "tpe":
            # Grouped, so that keys under conditions are modelled and do not fall back to independent draws.
            return optuna.samplers.TPESampler(
                seed=seed, n_startup_trials=startup, multivariate=True, group=True, constant_liar=True
            )
        if search.algorithm == "gp":
            return optuna.samplers.GPSampler(seed=seed, n_startup_trials=startup)
        if search.algorithm == "nsga2":
            return optuna.samplers.NSGAIISampler(seed=seed, population_size=min(50, max(4, search.trials_per_arm // 4)))
    if search.algorithm == "qmc":
        return SobolSampler(names, seed_of(search.seed, arm, "sobol"), number, attempt)
    return optuna.samplers.RandomSampler(seed=seed)


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


def place_in(distribution: BaseDistribution, share: float) -> Any:
    """The value that `share` (in [0, 1)) of a distribution's probability lies below."""
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[int(share * len(distribution.choices))]
    if not isinstance(distribution, FloatDistribution | IntDistribution):
        raise TypeError(f"no quasi-random value for {distribution}")
    low, high, step = float(distribution.low), float(distribution.high), distribution.step
    if distribution.log:
        value = float(np.exp(np.log(low) + share * (np.log(high) - np.log(low))))
        return min(int(high), max(int(low), round(value))) if isinstance(distribution, IntDistribution) else value
    if step is None:
        return low + share * (high - low)
    stepped = low + int(share * (round((high - low) / step) + 1)) * step
    return int(stepped) if isinstance(distribution, IntDistribution) else stepped
