"""CMA-ES (Hansen 2016) as a sampler that keeps nothing: its normal distribution is worked out again from what Optuna was told.

Optuna's own stores the optimiser, pickled, in its trials, leaves out of a generation what was stopped early, and knows no
constraints. This one notes a generation's number in each trial. CMA-ES looks at ranks alone, so whatever has ended counts:
first what meets the constraints, by value; then what does not, by how far; then what was stopped early; then what failed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import optuna
from cmaes import CMA
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from search.tuning.proposals.places import BELOW_ONE, Numeric, place_in, share_in

GENERATION = "cma:generation"
WIDTH = 1 / 6
"""Standard deviation of the first generation, as a share of each range."""


class CmaSampler(BaseSampler):
    """Draws the numbers in `space` together, and leaves every other key to the sampler `others`.

    Configurations of no generation, such as those of an earlier run with another algorithm, give the first generation its
    centre: the best of them.
    """

    def __init__(self, space: Mapping[str, Numeric], seed: int, others: BaseSampler) -> None:
        self._space = {name: one for name, one in space.items() if not one.single()}
        self._seed, self._others = seed, others

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return dict(self._space)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        if not self._space:
            return {}
        optimiser = self._rebuilt(study)
        # As Optuna's own samplers note what they have drawn; its public way to do so is gone.
        study._storage.set_trial_system_attr(trial._trial_id, GENERATION, optimiser.generation)
        shares = np.clip(optimiser.ask(), 0.0, BELOW_ONE)
        return {
            name: place_in(one, float(share)) for (name, one), share in zip(self._space.items(), shares, strict=True)
        }

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self._others.sample_independent(study, trial, param_name, param_distribution)

    def _rebuilt(self, study: optuna.Study) -> CMA:
        """The optimiser as all that has ended makes it, one generation after another."""
        ended = [one for one in study.get_trials(deepcopy=False) if one.state.is_finished() and self._is_whole(one)]
        ranked = sorted(ended, key=lambda one: rank_key(one, study.direction))  # stable: of equals the earlier is first
        ranks = {one.number: rank for rank, one in enumerate(ranked)}
        before = [one for one in ranked if GENERATION not in one.system_attrs and one.state == TrialState.COMPLETE]
        dimensions = len(self._space)
        optimiser = CMA(
            mean=self._point(before[0]) if before else np.full(dimensions, 0.5),
            sigma=WIDTH,
            bounds=np.array([[0.0, 1.0]] * dimensions),
            seed=self._seed,
        )
        size = optimiser.population_size
        while True:
            drawn = [one for one in ended if one.system_attrs.get(GENERATION) == optimiser.generation]
            if len(drawn) < size:
                return optimiser
            optimiser.tell([(self._point(one), float(ranks[one.number])) for one in drawn[:size]])

    def _is_whole(self, trial: FrozenTrial) -> bool:
        """Whether all of the space has a value within its range; what was enqueued may lie outside."""
        return all(
            name in trial.params and one.low <= trial.params[name] <= one.high for name, one in self._space.items()
        )

    def _point(self, trial: FrozenTrial) -> np.ndarray[Any, np.dtype[np.float64]]:
        return np.array([share_in(one, trial.params[name]) for name, one in self._space.items()])


def rank_key(trial: FrozenTrial, direction: StudyDirection) -> tuple[float, ...]:
    """Sorts trials that have ended, the best first."""
    sign = -1.0 if direction == StudyDirection.MAXIMIZE else 1.0
    violated = sum(max(0.0, one) for one in trial.constraints.values())
    if trial.state == TrialState.COMPLETE:
        return (1.0, violated) if violated else (0.0, sign * trial.values[0])
    if trial.state == TrialState.PRUNED and trial.intermediate_values:
        state = max(trial.intermediate_values)  # who got further was judged better
        return (2.0, -float(state), sign * trial.intermediate_values[state])
    return (3.0,)
