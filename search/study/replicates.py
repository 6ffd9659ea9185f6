"""A study's independent searches: the same study with other seeds throughout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from search.config_file import key_tree
from search.study.arm import Arm
from search.study.study import Study

STRIDE = 10_000
"""Between the seeds of two replicates; a study's own seeds lie closer together than this."""
SEED_KEYS = ("seed", "data.split_seed")


def replicate_of(study: Study, index: int) -> Study:
    """Search `index` of a study: `index` times 10,000 is added to the seeds of search, trials, splits and confirming.

    Replicate 0 is the study itself. All arms of a replicate have their seeds in common, and the dense recipe found for it.
    """
    if index == 0:
        return study
    shift, search = index * STRIDE, study.search
    confirm = search.confirm
    recipe = study.dense_recipes[index] if study.dense_recipes else {}
    moved = {
        "seed": search.seed + shift,
        "seeds": search.seeds and seeds_in(search.seeds, index),
        "confirm": confirm and confirm.model_copy(update={"seeds": seeds_in(confirm.seeds, index)}),
    }
    return replace(
        study,
        trial=_moved(study.trial, shift),
        arms={name: _moved_arm(arm, shift, recipe) for name, arm in study.arms.items()},
        search=search.model_copy(update=moved),
    )


def seeds_in(seeds: Sequence[int], index: int) -> tuple[int, ...]:
    """A study's seeds as search `index` has them."""
    return tuple(seed + index * STRIDE for seed in seeds)


def _moved_arm(arm: Arm, shift: int, recipe: Mapping[str, Any]) -> Arm:
    return replace(arm, tree=key_tree.with_keys(_moved(arm.tree, shift), recipe))


def _moved(tree: Mapping[str, Any], shift: int) -> dict[str, Any]:
    seeds = {}
    for key in SEED_KEYS:
        found = key_tree.get(tree, key)
        seeds[key] = shift + (0 if found is key_tree.ABSENT else int(found))
    return key_tree.with_keys(tree, seeds)
