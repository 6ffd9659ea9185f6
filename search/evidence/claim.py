"""What a verdict speaks of, in its own words: the first part of every sentence that claims something."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from search.evidence.formats import counted, values_text
from search.evidence.paired.units import pairs_of, whole_units
from search.run.plan import plan_of
from search.run.results import RunResults
from search.study.claims import folds_of, own_keys, seeds_in_each


def claim_text(results: RunResults, arms: Iterable[str]) -> str:
    """`At these 2 recipes (train.lr 0.001; 0.003)`, and what of an arm was tuned besides; `arms` are those of the contrast."""
    claim = results.study.compare.claim
    if claim == "tuned":
        return f"Tuned with a budget of {_budget(results)}, each of {results.study.search.replicates} times"
    if claim == "average":
        keys = ", ".join(results.study.space.keys()) or "nothing"
        drawn = counted(results.study.search.trials_per_arm, "random recipe")
        return f"On average over {drawn} of the space ({keys})"
    if claim == "pooled":
        return _pooled(results, tuple(arms))
    if claim == "folds":
        return _over_folds(results, tuple(arms))
    return f"Of these two configurations alone ({_chosen_of(results, arms)})"


def _pooled(results: RunResults, arms: tuple[str, ...]) -> str:
    recipes = [recipe for recipe in results.recipes.values() if recipe]
    text = "At the recipe of the study file"
    if recipes:
        text = (
            f"At {'this recipe' if len(recipes) == 1 else f'these {len(recipes)} recipes'} ({_recipes_text(recipes)})"
        )
    tuned = [f"{arm} at {values_text(own)}" for arm in arms if (own := _own(results, arm))]
    if not tuned:
        return text
    return f"{text}, and of {' and '.join(tuned)} alone, as its search chose (claim: tuned would speak of the method)"


def _over_folds(results: RunResults, arms: tuple[str, ...]) -> str:
    """`Over these 10 folds of dtd, 3 seeds averaged in each`; fewer where a trial of the two is missing in some."""
    study = results.study
    folds, each = folds_of(study), seeds_in_each(study)
    arm, baseline = arms
    whole = {pair.unit for pair in whole_units(results, pairs_of(results, arm, baseline))}
    these = f"these {len(folds)} folds of {data_name(results)}"
    if len(whole) == len(folds) or not whole:
        return f"Over {these}, {each}"
    return f"Over {len(whole)} of {these}, in which both arms came through every seed ({each})"


def reach_text(results: RunResults) -> str:
    """What all sentences of a verdict leave out, where that is not said in each of them; mostly nothing."""
    if results.study.compare.claim != "folds":
        return ""
    return (
        "The folds use the same images again and again and so are no independent samples: this speaks of networks trained on "
        f"these folds of {data_name(results)}, and of none trained on other images."
    )


def data_name(results: RunResults) -> str:
    """The data set of a study whose arms are judged on the same images."""
    return str(next(iter(results.study.arms.values())).value("data.name"))


def _own(results: RunResults, arm: str) -> dict[str, Any]:
    chosen = results.chosen[0].get(arm)
    keys = own_keys(results.study, arm)
    return {key: chosen.values[key] for key in keys if key in chosen.values} if chosen else {}


def _recipes_text(recipes: Iterable[Mapping[str, Any]]) -> str:
    return "; ".join(values_text(recipe) for recipe in recipes)


def _chosen_of(results: RunResults, arms: Iterable[str]) -> str:
    chosen = results.chosen[0]
    return ", ".join(chosen[arm].id for arm in arms if arm in chosen)


def _budget(results: RunResults) -> str:
    return counted(max(plan.configurations for plan in plan_of(results.study)), "configuration")
