"""What a study asks for: how many configurations of each arm, on which seeds, and what is still to be run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from models.errors import UserError
from search.run.best import best_trial
from search.run.trials import RecordedTrial
from search.study.arm import Arm
from search.study.study import Study


@dataclass(frozen=True)
class ArmPlan:
    """`configurations` of one arm, each run on every one of `seeds` (None: the seed in the configuration)."""

    arm: str
    configurations: int
    seeds: tuple[int | None, ...]
    confirm_seeds: tuple[int, ...]

    @property
    def search_ids(self) -> tuple[str, ...]:
        return tuple(search_id(self.arm, n, seed) for n in range(self.configurations) for seed in self.seeds)

    @property
    def confirm_ids(self) -> tuple[str, ...]:
        return tuple(confirm_id(self.arm, seed) for seed in self.confirm_seeds)


def plan_of(study: Study) -> tuple[ArmPlan, ...]:
    """One plan per arm, in the study's order.

    An arm with nothing to search runs a single configuration: more would repeat it number for number.
    """
    search = study.search
    seeds: tuple[int | None, ...] = tuple(search.seeds) if search.seeds else (None,)
    confirm = tuple(search.confirm.seeds) if search.confirm else ()
    plans = tuple(ArmPlan(name, configurations_of(study, arm), seeds, confirm) for name, arm in study.arms.items())
    _check_equal(study, plans)
    return plans


def _check_equal(study: Study, plans: tuple[ArmPlan, ...]) -> None:
    """Arms are compared under equal budgets; only a grid could give them unequal ones."""
    searched = [plan for plan in plans if study.arms[plan.arm].parameters]
    if len({plan.configurations for plan in searched}) <= 1:
        return
    found = ", ".join(f"{plan.arm} has {plan.configurations}" for plan in searched)
    raise UserError(
        f"search.algorithm: grids of unequal size ({found}); set search.trials_per_arm to the smaller, "
        "or give the arms grids of one size"
    )


def configurations_of(study: Study, arm: Arm) -> int:
    """How many configurations an arm is given."""
    if not arm.parameters:
        return 1
    wanted = study.search.trials_per_arm
    return min(wanted, study.space.grid_size(arm.name)) if study.search.algorithm == "grid" else wanted


def search_id(arm: str, number: int, seed: int | None) -> str:
    return f"{arm}-{number:03d}" if seed is None else f"{arm}-{number:03d}-s{seed}"


def confirm_id(arm: str, seed: int) -> str:
    return f"{arm}-confirm-s{seed}"


def outstanding_trials(study: Study, trials: Iterable[RecordedTrial]) -> int:
    """Trials that the study asks for and that have not ended, those not yet proposed included."""
    ended = {trial.id: trial for trial in trials if trial.ended}
    return sum(_outstanding_of_arm(study, plan, ended) for plan in plan_of(study))


def _outstanding_of_arm(study: Study, plan: ArmPlan, ended: Mapping[str, RecordedTrial]) -> int:
    searching = sum(trial_id not in ended for trial_id in plan.search_ids)
    if searching:
        return searching + sum(trial_id not in ended for trial_id in plan.confirm_ids)
    best = best_trial((trial for trial in ended.values() if trial.identity.arm == plan.arm), study.search)
    if best is None:
        return 0
    # A confirming trial counts only while it repeats what is the arm's best still.
    confirming = [ended.get(trial_id) for trial_id in plan.confirm_ids]
    return sum(trial is None or trial.source != best.id for trial in confirming)
