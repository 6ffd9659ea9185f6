"""What a verdict will speak of (`compare.claim`), its family of tests, and whether the study can bear that out."""

from __future__ import annotations

import math

from search.config_file import key_tree
from search.space.parameter import Parameter
from search.space.space import Space
from search.study.replicates import SEED_KEYS
from search.study.sections import Claim
from search.study.study import Study

GIVEN = (*SEED_KEYS, "data.fold")
"""Keys that a claim takes for equal in the trials it compares."""
MAKE_TEST = ("data.name", "data.root", "data.split_seed", "data.folds", "data.fold", "data.test_fraction")
"""Keys that decide which images are the test split."""


def comparing_arms(study: Study) -> tuple[str, ...]:
    """The arms whose networks get smaller: those that a contrast can speak of."""
    return tuple(name for name, arm in study.arms.items() if arm.traits.ends_small)


def recipe_keys(study: Study) -> tuple[str, ...]:
    """The searched keys that all comparing arms have in common, in the same ranges: a *recipe* is a value of each."""
    arms = comparing_arms(study)
    common = [
        parameter.model_copy(update={"arms": None}) if all(map(parameter.of_arm, arms)) else parameter
        for parameter in study.space.parameters
        if any(map(parameter.of_arm, arms))
    ]
    return Space(tuple(common), {arm: study.space.base[arm] for arm in arms}).shared().keys()


def own_keys(study: Study, arm: str) -> tuple[str, ...]:
    """The searched keys of an arm that are not part of the recipe."""
    shared = recipe_keys(study)
    return tuple(key for key in study.arms[arm].searched_keys if key not in shared)


def seed_of_recipe(study: Study, number: int) -> int | None:
    """The seed of configuration `number` where every recipe has one of its own (`average`); None: the trial's."""
    if study.compare.claim != "average":
        return None
    return int(study.trial.get("seed", 0)) + number


def default_claim(study: Study) -> Claim:
    """What is claimed where the study file does not say."""
    if study.search.replicates > 1:
        return "tuned"
    arms = comparing_arms(study)
    searched = any(study.arms[arm].parameters for arm in arms)
    if searched_although_given(study) is not None:
        return "configurations"
    if len(arms) > 1 and (not searched or (recipe_keys(study) and tied_to_recipe(study) is None)):
        return "pooled"
    return "configurations"


UNIT_WORDS = {"search.confirm.seeds": "seeds", "search.replicates": "searches", "search.trials_per_arm": "recipes"}


def units_asked(study: Study) -> tuple[int, str]:
    """How many units the claim will rest on, and the key that says so; 0 where nothing is to be confirmed."""
    search = study.search
    if study.compare.claim == "average":
        return search.trials_per_arm, "search.trials_per_arm"
    if study.compare.claim == "tuned":
        return search.replicates, "search.replicates"
    return len(search.confirm.seeds) if search.confirm else 0, "search.confirm.seeds"


def claim_warnings(study: Study) -> list[str]:
    """One where the space makes the default claim the weakest one, and the file names no claim."""
    arms = comparing_arms(study)
    searching = [arm for arm in arms if study.arms[arm].parameters]
    claims_anything = len(arms) > 1 and units_asked(study)[0] > 0
    if not (study.claim_by_default and study.compare.claim == "configurations" and claims_anything and searching):
        return []
    remedy = "let all arms search the same ranges (pooled), say search.replicates: 8 (tuned)"
    if (found := searched_although_given(study)) is not None:
        reason = f"{found[1]} is searched, so that no two arms have equal seeds and splits"
        remedy = f"take {found[1]} out of the space"
    elif len(searching) < len(arms):
        idle = ", ".join(arm for arm in arms if arm not in searching)
        reason = f"{idle} searches nothing, so that the arms search no key in common"
    elif (tied := tied_to_recipe(study)) is not None and recipe_keys(study):
        reason = f"whether {tied} is searched depends on a key that the arms share"
    else:
        each = "; ".join(f"{arm}: {', '.join(study.arms[arm].searched_keys)}" for arm in arms)
        reason = f"the arms search no key in common ({each})"
    return [
        f"compare.claim: configurations by default, since {reason}: the verdict will be about the chosen configurations alone "
        f"and not about methods; {remedy}, or write compare.claim: configurations"
    ]


def searched_although_given(study: Study) -> tuple[Parameter, str] | None:
    """The first searched parameter of a comparing arm that decides what the claim takes for equal, and which key that is.

    As part of a recipe the test images are the same for both arms of a pair, but not where each search chooses its own.
    """
    recipe = () if study.compare.claim == "tuned" else recipe_keys(study)
    for parameter in (one for arm in comparing_arms(study) for one in study.arms[arm].parameters):
        keys = GIVEN if parameter.key in recipe else (*GIVEN, *MAKE_TEST)
        if (key := next((one for one in keys if parameter.decides(one)), None)) is not None:
            return parameter, key
    return None


def tied_to_recipe(study: Study) -> str | None:
    """A key of one arm's own whose condition asks for a shared key."""
    shared = recipe_keys(study)
    for arm in comparing_arms(study):
        for parameter in study.arms[arm].parameters:
            asked = any(key_tree.overlap(key, one) for key in parameter.when for one in shared)
            if parameter.key not in shared and asked:
                return parameter.key
    return None


def claim_line(study: Study) -> str:
    """What the verdict will speak of, and over how much: `claim: pooled, at the arms' choices of train.lr; seeds: 8`."""
    units, key = units_asked(study)
    if len(comparing_arms(study)) < 2:
        return "claim: none, since no two arms make smaller networks"
    if units == 0:
        return "claim: none, since there is no confirm phase; the verdict will be exploratory"
    what = {
        "pooled": f"at the arms' choices of {', '.join(recipe_keys(study))}"
        if recipe_keys(study)
        else "at the arms' own settings",
        "tuned": f"{study.search.trials_per_arm} configurations in each of several searches",
        "average": "over random recipes",
        "configurations": "of the chosen configurations alone",
    }[str(study.compare.claim)]
    own = [f"{arm}'s {', '.join(keys)}" for arm in comparing_arms(study) if (keys := own_keys(study, arm))]
    chosen = f" (and of {' and '.join(own)} as chosen alone)" if own and study.compare.claim == "pooled" else ""
    return f"claim: {study.compare.claim}, {what}{chosen}; {UNIT_WORDS[key]}: {units}"


def baseline_of(study: Study) -> str:
    """The arm that the others are compared with: `compare.baseline`, else the first whose networks get smaller."""
    return study.compare.baseline or (comparing_arms(study) or tuple(study.arms))[0]


def family_size(study: Study) -> int:
    """Arms compared with the baseline, times the levels they are compared at. `dense` and `imp` are rows, not tests."""
    others = set(comparing_arms(study)) - {baseline_of(study)}
    return len(others) * max(1, len(study.compare.at))


def family_warnings(study: Study) -> list[str]:
    """One where Holm's correction lets no test of the family reach `alpha` whatever the confirm trials say.

    The smallest two-sided p of n units is 2/2^n, and Holm's first step multiplies it by the number of tests.
    """
    tests, alpha = family_size(study), study.compare.alpha
    units, key = units_asked(study)
    if units == 0 or tests == 0:
        return []
    smallest = tests * 2.0 ** (1 - units)
    if smallest <= alpha * (1 + 1e-9):
        return []
    enough = math.ceil(1 + math.log2(tests) - math.log2(alpha) - 1e-9)
    family = "a difference" if tests == 1 else f"any of {tests} differences"
    smallest_text = (
        f"{smallest:.3g}" if tests == 1 else f"{tests} x {2.0 ** (1 - units):.3g} = {smallest:.3g} after Holm"
    )
    return [
        f"{key}: {units} {UNIT_WORDS[key]} cannot settle {family} at alpha {alpha:g}, whatever the trials say "
        f"(the smallest p is {smallest_text}); {enough} can"
    ]
