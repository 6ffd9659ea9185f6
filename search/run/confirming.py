"""The confirm phase of one search: which configurations it repeats, once every search trial has ended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from search.run.best import best_trial
from search.run.trials import RecordedTrial
from search.study.arm import Arm
from search.study.claims import comparing_arms, recipe_keys
from search.study.replicates import replicate_of, seeds_in
from search.study.study import Study


@dataclass(frozen=True)
class Confirming:
    """One trial to confirm with. `source` names the search trials it repeats: the arm's choice, and whose recipe it takes."""

    id: str
    arm: str
    replicate: int
    recipe: str
    """The arm whose choice of the shared keys it takes; empty where that is the arm's own."""
    seed: int
    values: dict[str, Any]
    source: str
    chosen: RecordedTrial
    """The arm's choice, in the search that it was made in."""


def in_replicate(arm: str, replicate: int) -> str:
    """No arm is named so: a point is not allowed in their names."""
    return f"{arm}.r{replicate}" if replicate else arm


def confirm_id(arm: str, seed: int, replicate: int = 0, recipe: str = "") -> str:
    """`rsst-confirm-s101`; `rsst.at-refill-confirm-s101` at the recipe that refill's search chose."""
    at = f".at-{recipe}" if recipe else ""
    return f"{in_replicate(arm, replicate)}{at}-confirm-s{seed}"


def is_searched_once(arm: Arm) -> bool:
    """Whether one search trial does for all replicates: there is nothing to choose, and no structure to take from one."""
    return not arm.parameters and not arm.traits.from_scratch


def chosen_trials(study: Study, trials: Iterable[RecordedTrial], replicate: int = 0) -> dict[str, RecordedTrial]:
    """Arm → the trial of the configuration that its search chose; without arms of which none has finished.

    An arm with nothing to search has one configuration, which its first search runs for all of them.
    """
    known = tuple(trials)
    found: dict[str, RecordedTrial] = {}
    for name, arm in study.arms.items():
        searched = 0 if is_searched_once(arm) else replicate
        own = [one for one in known if one.identity.arm == name and one.identity.replicate == searched]
        if (best := best_trial(own, study.search)) is not None:
            found[name] = best
    return found


def recipes_of(study: Study, chosen: Mapping[str, RecordedTrial]) -> dict[str, dict[str, Any]]:
    """Arm → its choice of the shared keys, where no arm before it chose the same. Empty but under `pooled`."""
    if study.compare.claim != "pooled":
        return {}
    keys = recipe_keys(study)
    recipes: dict[str, dict[str, Any]] = {}
    for arm in comparing_arms(study):
        if arm in chosen and (recipe := _part(chosen[arm].values, keys)) not in recipes.values():
            recipes[arm] = recipe
    return recipes


def confirming_trials(study: Study, trials: Iterable[RecordedTrial], replicate: int = 0) -> list[Confirming]:
    """All confirm trials of one search, in the order in which they are run; arms without a finished trial are left out."""
    if study.search.confirm is None:
        return []
    chosen = chosen_trials(study, trials, replicate)
    recipes = recipes_of(study, chosen)
    keys, comparing = recipe_keys(study), comparing_arms(study)
    return [
        one
        for seed in seeds_in(study.search.confirm.seeds, replicate)
        for arm in chosen
        for one in _at_recipes(keys if arm in comparing else (), chosen, arm, recipes, seed, replicate)
    ]


def _at_recipes(
    keys: tuple[str, ...],
    chosen: Mapping[str, RecordedTrial],
    arm: str,
    recipes: Mapping[str, dict[str, Any]],
    seed: int,
    replicate: int,
) -> Iterator[Confirming]:
    best = chosen[arm]
    own = _part(best.values, keys)
    for name, recipe in (recipes if keys else {}).items() or [(arm, own)]:
        if recipe == own:
            values, source, at = best.values, best.id, ""
        else:
            values = {key: value for key, value in best.values.items() if key not in keys} | recipe
            source, at = f"{best.id}+{chosen[name].id}", name
        yield Confirming(confirm_id(arm, seed, replicate, at), arm, replicate, at, seed, values, source, best)


def config_of(study: Study, confirming: Confirming) -> dict[str, Any]:
    """The trial's whole configuration. The structure that `scratch` starts from stays that of the arm's choice."""
    best = confirming.chosen
    if not confirming.recipe and best.identity.replicate == confirming.replicate:
        return {**best.config, "seed": confirming.seed}
    file = best.config.get("prune", {}).get("scratch", {}).get("file")
    given = confirming.values if file is None else {**confirming.values, "prune.scratch.file": file}
    arm = replicate_of(study, confirming.replicate).arms[confirming.arm]
    return arm.config(given, confirming.seed).model_dump(mode="json")


def _part(values: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    return {key: values[key] for key in keys if key in values}
