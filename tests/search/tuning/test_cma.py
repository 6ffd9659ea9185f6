"""CMA-ES: it finds what it looks for, ranks whatever has ended, and is worked out again from what was told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from benchmarks.support.simulation import BASE, Simulation, make_study
from models.errors import UserError
from search.study.objective_rules import objective_warnings
from search.tuning.configurations import configurations_of_arm
from search.tuning.proposals.cma import GENERATION, CmaSampler, rank_key
from search.tuning.proposals.optuna_studies import propose, warm_trials
from search.tuning.proposals.places import Numeric, place_in, share_in

PLANE: dict[str, Numeric] = {"x": FloatDistribution(0, 1), "y": FloatDistribution(1e-4, 1.0, log=True)}
LR = {"train.lr": BASE["space"]["train.lr"], "train.weight_decay": {"uniform": [0.0, 0.2]}}


def height(x: float, y: float) -> float:
    return (x - 0.8) ** 2 + 4 * (share_in(PLANE["y"], y) - 0.3) ** 2


def searched(make: Any, count: int) -> list[FrozenTrial]:
    """A living study whose sampler is made anew for each trial."""
    study = optuna.create_study()
    for number in range(count):
        study.sampler = make(number)
        trial = study.ask()
        x, y = trial.suggest_float("x", 0, 1), trial.suggest_float("y", 1e-4, 1.0, log=True)
        study.tell(trial, height(x, y))
    return study.trials


def test_it_closes_in_on_the_lowest_point() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    others = optuna.samplers.RandomSampler(seed=0)
    trials = searched(lambda number: CmaSampler(PLANE, number, others), 60)
    drawn = searched(lambda number: optuna.samplers.RandomSampler(seed=number), 60)
    generations = [one.system_attrs[GENERATION] for one in trials]
    assert generations == sorted(generations)
    assert generations[-1] == 59 // 6
    assert min(one.values[0] for one in trials) < 0.2 * min(one.values[0] for one in drawn)
    late, early = trials[-12:], trials[:12]
    assert sum(one.values[0] for one in late) < 0.2 * sum(one.values[0] for one in early)


def test_what_lies_outside_the_space_is_not_learnt_from() -> None:
    sampler = CmaSampler(PLANE, 0, optuna.samplers.RandomSampler(seed=0))
    inside = {name: one.low for name, one in PLANE.items()}
    for params, whole in ((inside, True), ({**inside, next(iter(inside)): 1e9}, False)):
        trial = create_trial(value=0.0, params={}, distributions={})
        trial.params = params
        assert sampler._is_whole(trial) is whole


@pytest.mark.parametrize("high", [1e-2, 3e-4, 7e-3, 0.3])
def test_no_value_lies_outside_its_range(high: float) -> None:
    for low in np.geomspace(1e-6, high / 2, 200):
        one = FloatDistribution(float(low), high, log=True)
        assert one.low <= place_in(one, 0.0) <= place_in(one, 1 - 1e-16) <= one.high


def told(
    state: TrialState, value: float | None = None, violated: float = 0.0, curve: dict[int, float] | None = None
) -> FrozenTrial:
    attributes = {"constraints:macs <= 0.3": violated}
    values = [value] if value is not None else None
    return create_trial(state=state, values=values, system_attrs=attributes, intermediate_values=curve)


def test_whatever_ended_has_its_rank() -> None:
    pruned = TrialState.PRUNED
    best_first = [
        told(TrialState.COMPLETE, 0.8),
        told(TrialState.COMPLETE, 0.7),
        told(TrialState.COMPLETE, 0.9, violated=0.1),
        told(TrialState.COMPLETE, 0.95, violated=0.2),
        told(pruned, curve={0: 0.9, 1: 0.6, 2: 0.5}),
        told(pruned, curve={0: 0.9, 1: 0.7}),
        told(pruned, curve={0: 0.9, 1: 0.6}),
        told(TrialState.FAIL),
    ]
    keys = [rank_key(one, StudyDirection.MAXIMIZE) for one in best_first]
    assert keys == sorted(keys)
    assert rank_key(best_first[1], StudyDirection.MINIMIZE) < rank_key(best_first[0], StudyDirection.MINIMIZE)


@given(st.integers(0, 40), st.sampled_from([(0, 40, 1, False), (1, 41, 1, True), (-5, 75, 2, False)]))
def test_a_value_is_found_again_at_its_place(step: int, bounds: tuple[int, int, int, bool]) -> None:
    low, high, width, log = bounds
    one = IntDistribution(low, high, step=width, log=log)
    assert place_in(one, min(share_in(one, low + step * width), 1 - 1e-12)) == low + step * width


def test_stopped_failed_and_enqueued_configurations_count_or_do_no_harm(tmp_path: Path) -> None:
    """One lies outside the range, which Optuna's own CMA-ES would not survive."""
    search = {"algorithm": "cmaes", "trials_per_arm": 20, "enqueue": [{"train.lr": 0.5}, {"train.lr": 0.001}]}
    study = make_study(tmp_path, space=LR, search=search, scheduler={"kind": "asha", "min_trials": 2})
    store = Simulation(study, tmp_path / "runs", workers=3).go().store
    past = configurations_of_arm(store, "rsst", 1)
    assert {one.told() for one in past} == {TrialState.COMPLETE, TrialState.PRUNED}
    generations = [one.drawn[GENERATION] for one in past]
    assert max(generations) == 2
    assert sum(one.told() == TrialState.COMPLETE for one in past) < 2 * 6, (
        "with these alone it would not have got there"
    )


def test_an_earlier_run_with_another_algorithm_gives_the_centre(tmp_path: Path) -> None:
    earlier = Simulation(make_study(tmp_path, space=LR, search={"algorithm": "random"}), tmp_path / "runs").go()
    search = {"algorithm": "cmaes", "trials_per_arm": 40}
    cold = make_study(tmp_path, space=LR, search=search)
    study = make_study(tmp_path, space=LR, search={**search, "warm_start": str(earlier.run.path)})
    warm = warm_trials(study)["rsst"]
    best = max(warm, key=lambda one: one.values[0]).params
    drawn = [
        [propose(one, "rsst", number, (), had).values for number in range(12)]
        for one, had in ((study, warm), (cold, ()))
    ]
    mean = [sum(one["train.weight_decay"] for one in values) / 12 for values in drawn]
    assert abs(mean[0] - best["train.weight_decay"]) < abs(mean[1] - best["train.weight_decay"])


def test_what_it_cannot_search_is_said(tmp_path: Path) -> None:
    space = {
        **LR,
        "train.optimizer": {"choice": ["adamw", "sgd"]},
        "train.momentum": {"uniform": [0.5, 0.9], "when": {"train.optimizer": "sgd"}},
    }
    study = make_study(tmp_path, space=space, search={"algorithm": "cmaes", "trials_per_arm": 6})
    left, few = [one for one in objective_warnings(study) if one.startswith("search.algorithm")]
    assert left.endswith("train.optimizer (a choice), train.momentum (under `when`)")
    assert "18 or more, found 6" in few
    with pytest.raises(UserError, match="cmaes takes one objective, found 2"):
        make_study(tmp_path, space=LR, search={"algorithm": "cmaes", "objective": ["val_accuracy", "macs"]})
    with pytest.raises(UserError, match="the space has none"):
        make_study(tmp_path, space={"train.optimizer": {"choice": ["adamw", "sgd"]}}, search={"algorithm": "cmaes"})
