"""What a verdict will speak of (`compare.claim`), its family of tests, and whether the study can bear that out."""

from __future__ import annotations

import math

from search.config_file import key_tree
from search.space.parameter import Parameter
from search.space.space import Space
from search.study.replicates import SEED_KEYS
from search.study.sections import Claim
from search.study.study import Study

FOLD = "data.fold"
GIVEN = (*SEED_KEYS, FOLD)
"""Keys that a claim takes for equal in the trials it compares."""
MAKE_TEST = ("data.name", "data.root", "data.split_seed", "data.folds", FOLD, "data.test_fraction")
"""Keys that decide which images are the test split."""
OF_SEARCH: tuple[Claim, ...] = ("average", "folds")
"""Claims that rest on all that the search has run, since nothing is chosen and so nothing confirmed."""


def comparing_arms(study: Study) -> tuple[str, ...]:
    """The arms that a contrast can speak of: those whose networks get smaller. Over folds, where no arm's does, all whole
    networks: then these are what is compared."""
    smaller = tuple(name for name, arm in study.arms.items() if arm.traits.ends_small)
    if smaller or study.compare.claim != "folds":
        return smaller
    return tuple(name for name, arm in study.arms.items() if not arm.traits.masks)


def folds_of(study: Study) -> tuple[int, ...]:
    """The values of `data.fold` that every arm is run on, rising; empty where it is not searched, or not alike by all arms."""
    found = []
    for arm in study.arms.values():
        values = [one.distribution.grid() for one in arm.parameters if one.key == FOLD]
        found.append(set(values[0] or ()) if len(values) == 1 else set())
    return tuple(sorted(found[0])) if found and all(one == found[0] for one in found) else ()


def searched_beside_fold(study: Study) -> tuple[str, ...]:
    """Keys that some arm searches beside `data.fold`."""
    return tuple(dict.fromkeys(one.key for one in study.space.parameters if one.key != FOLD))


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
    folds_alone = bool(folds_of(study)) and not searched_beside_fold(study)
    if folds_alone and study.search.algorithm == "grid" and study.search.confirm is None:
        return "folds"
    arms = comparing_arms(study)
    searched = any(study.arms[arm].parameters for arm in arms)
    if searched_although_given(study) is not None:
        return "configurations"
    if len(arms) > 1 and (not searched or (recipe_keys(study) and tied_to_recipe(study) is None)):
        return "pooled"
    return "configurations"


UNIT_WORDS = {
    "search.confirm.seeds": "seeds",
    "search.replicates": "searches",
    "search.trials_per_arm": "recipes",
    "space.data.fold": "folds",
}


def units_asked(study: Study) -> tuple[int, str]:
    """How many units the claim will rest on, and the key that says so; 0 where nothing is to be confirmed."""
    search = study.search
    if study.compare.claim == "average":
        return search.trials_per_arm, "search.trials_per_arm"
    if study.compare.claim == "folds":
        return len(folds_of(study)), "space.data.fold"
    if study.compare.claim == "tuned":
        return search.replicates, "search.replicates"
    return len(search.confirm.seeds) if search.confirm else 0, "search.confirm.seeds"


def claim_warnings(study: Study) -> list[str]:
    """One where the space makes the default claim the weakest one, and the file names no claim."""
    if (beside := _beside_folds(study)) is not None:
        return [beside]
    arms = comparing_arms(study)
    searching = [arm for arm in arms if study.arms[arm].parameters]
    claims_anything = len(arms) > 1 and units_asked(study)[0] > 0
    if not (study.claim_by_default and study.compare.claim == "configurations" and claims_anything and searching):
        return []
    remedy = "let all arms search the same ranges (pooled), say search.replicates: 8 (tuned)"
    if (found := searched_although_given(study)) is not None:
        reason = f"{found[1]} is searched, so that no two arms have equal seeds and splits"
        remedy = f"take {found[1]} out of the space"
        if folds_of(study):
            remedy = "run every fold and choose nothing (a grid of data.fold alone, no search.confirm: claim folds)"
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


def _beside_folds(study: Study) -> str | None:
    """Why nothing is claimed over the folds of a grid that holds other keys as well."""
    beside = searched_beside_fold(study)
    unclaimed = study.claim_by_default and study.compare.claim == "configurations" and study.search.confirm is None
    if not (unclaimed and beside and folds_of(study) and study.search.algorithm == "grid"):
        return None
    return (
        f"compare.claim: nothing is claimed over the folds, since {', '.join(beside)} is searched beside data.fold and would "
        "be chosen on images that other folds test with; give it one value, or make an arm of each (compare.claim: folds)"
    )


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
        "folds": f"every arm on every fold, {seeds_in_each(study)}",
        "configurations": "of the chosen configurations alone",
    }[str(study.compare.claim)]
    own = [f"{arm}'s {', '.join(keys)}" for arm in comparing_arms(study) if (keys := own_keys(study, arm))]
    chosen = f" (and of {' and '.join(own)} as chosen alone)" if own and study.compare.claim == "pooled" else ""
    return f"claim: {study.compare.claim}, {what}{chosen}; {UNIT_WORDS[key]}: {units}"


def seeds_in_fold(study: Study) -> int:
    """On how many seeds every arm is run in each fold."""
    return len(study.search.seeds or (None,))


def seeds_in_each(study: Study) -> str:
    """`3 seeds averaged in each`."""
    seeds = seeds_in_fold(study)
    return "one seed in each" if seeds == 1 else f"{seeds} seeds averaged in each"


def baseline_of(study: Study) -> str:
    """The arm that the others are compared with: `compare.baseline`, else the first whose networks get smaller."""
    return study.compare.baseline or (comparing_arms(study) or tuple(study.arms))[0]


def family_size(study: Study) -> int:
    """Arms compared with the baseline, times the levels they are compared at. `dense` and `imp` are rows, not tests."""
    others = set(comparing_arms(study)) - {baseline_of(study)}
    return len(others) * max(1, len(study.compare.at))


def fewest_units(tests: int, alpha: float) -> int:
    """How many units each of so many tests needs for the smallest of their p, times their number, to be at most `alpha`."""
    return math.ceil(1 + math.log2(tests) - math.log2(alpha) - 1e-9)


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
    enough = fewest_units(tests, alpha)
    family = "a difference" if tests == 1 else f"any of {tests} differences"
    smallest_text = (
        f"{smallest:.3g}" if tests == 1 else f"{tests} x {2.0 ** (1 - units):.3g} = {smallest:.3g} after Holm"
    )
    beyond = ", where the data has so many; fewer arms or levels are fewer tests" if key == "space.data.fold" else ""
    return [
        f"{key}: {units} {UNIT_WORDS[key]} cannot settle {family} at alpha {alpha:g}, whatever the trials say "
        f"(the smallest p is {smallest_text}); {enough} can{beyond}"
    ]
