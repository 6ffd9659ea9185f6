"""What a study asks for: how many configurations of each arm, on which seeds, and what is still to be run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from models.errors import UserError
from search.run.confirming import confirming_trials, in_replicate, is_searched_once
from search.run.trials import RecordedTrial
from search.study.arm import Arm
from search.study.claims import comparing_arms, recipe_keys
from search.study.replicates import seeds_in
from search.study.study import Study


@dataclass(frozen=True)
class ArmPlan:
    """`configurations` of one arm in one search, each run on every one of `seeds` (None: the seed in the configuration).

    `recipes` is at how many recipes the arm is confirmed, at most: choices that coincide are one recipe.
    """

    arm: str
    configurations: int
    seeds: tuple[int | None, ...]
    confirm_seeds: tuple[int, ...]
    replicate: int = 0
    recipes: int = 1

    @property
    def search_ids(self) -> tuple[str, ...]:
        """By number, and of each number by seed."""
        return _search_ids(self)

    @property
    def confirm_trials(self) -> int:
        return len(self.confirm_seeds) * self.recipes

    def search_id(self, number: int, seed: int | None) -> str:
        """`rsst-003`, `rsst-003-s7` on one of several seeds, `rsst.r2-003` in the third search."""
        name = f"{in_replicate(self.arm, self.replicate)}-{number:03d}"
        return name if seed is None else f"{name}-s{seed}"


@lru_cache(maxsize=64)
def _search_ids(plan: ArmPlan) -> tuple[str, ...]:
    """Asked for at the end of every trial, and tens of thousands in a large study."""
    return tuple(plan.search_id(number, seed) for number in range(plan.configurations) for seed in plan.seeds)


def plan_of(study: Study) -> tuple[ArmPlan, ...]:
    """One plan for each search and arm, in the study's order.

    An arm with nothing to search runs a single configuration: more would repeat it number for number.
    """
    recipes = most_recipes(study)
    plans = tuple(
        _arm_plan(study, arm, index, recipes) for index in range(study.search.replicates) for arm in study.arms.values()
    )
    _check_equal(study, plans)
    return plans


def most_recipes(study: Study) -> int:
    """At how many recipes each arm is confirmed, at most: one for each arm's choice, but no more than there are to choose."""
    if study.compare.claim != "pooled" or not recipe_keys(study):
        return 1
    tried, arms = study.search.trials_per_arm, comparing_arms(study)
    drawn_alike = study.search.pairing == "shared" and set(recipe_keys(study)) <= set(study.space.shared().keys())
    entries = study.search.enqueue[:tried]
    given_alike = len(entries) == tried and all(
        "arms" not in one and set(recipe_keys(study)) <= one.keys() for one in entries
    )
    return min(tried, len(arms)) if drawn_alike or given_alike else len(arms)


def _arm_plan(study: Study, arm: Arm, replicate: int, recipes: int) -> ArmPlan:
    search = study.search
    return ArmPlan(
        arm=arm.name,
        configurations=0 if replicate and is_searched_once(arm) else configurations_of(study, arm),
        seeds=seeds_in(search.seeds, replicate) if search.seeds else (None,),
        confirm_seeds=seeds_in(search.confirm.seeds, replicate) if search.confirm else (),
        replicate=replicate,
        recipes=recipes if arm.traits.ends_small else 1,
    )


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
    if not arm.parameters and study.compare.claim != "average":
        return 1
    wanted = study.search.trials_per_arm
    return min(wanted, study.space.grid_size(arm.name)) if study.search.algorithm == "grid" else wanted


def outstanding_trials(study: Study, trials: Iterable[RecordedTrial]) -> int:
    """Trials that the study asks for and that have not ended, those not yet proposed included."""
    known = tuple(trials)
    ended = {trial.id: trial for trial in known if trial.ended}
    left, all_plans = 0, plan_of(study)
    for replicate in range(study.search.replicates):
        plans = [plan for plan in all_plans if plan.replicate == replicate]
        searching = sum(len(set(plan.search_ids) - ended.keys()) for plan in plans)
        left += searching
        if searching:
            confirming = [plan for plan in plans if plan.confirm_trials]
            left += sum(max(0, plan.confirm_trials - _confirmed(ended.values(), plan)) for plan in confirming)
            continue
        # A confirming trial counts only while it repeats what is the arm's best still.
        found = [(one, ended.get(one.id)) for one in confirming_trials(study, ended.values(), replicate)]
        left += sum(trial is None or trial.source != one.source for one, trial in found)
    return left


def _confirmed(ended: Iterable[RecordedTrial], plan: ArmPlan) -> int:
    found = (trial.identity for trial in ended if trial.identity.phase == "confirm")
    return sum(one.arm == plan.arm and one.replicate == plan.replicate for one in found)
