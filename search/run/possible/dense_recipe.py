"""Whether the dense recipe that `search.state0` finds is the one that every arm trains its state 0 with."""

from __future__ import annotations

from search.config_file import key_tree
from search.run.foretold.dense_start import decides_state0, in_state0
from search.study.arm import Arm
from search.study.claims import GIVEN
from search.study.corners import corner_values
from search.study.dense_recipe import DENSE_ARM, SECTION, dense_study, pruning_arms, with_any_recipe
from search.study.study import Study


def check_dense_recipe(study: Study) -> None:
    """UserError for the first key by which an arm's state 0 would be another one than what is searched.

    Seeds, splits and folds may be others: the recipe is found on the study's own.
    """
    if study.search.state0 is None:
        return
    study = with_any_recipe(study)
    searched = decides_state0(dense_study(study).arms[DENSE_ARM].config())
    for arm in pruning_arms(study):
        for values in corner_values(study, arm):
            found = decides_state0(arm.config(values))
            differing = (
                key for key in {**searched, **found} if searched.get(key) != found.get(key) and key not in GIVEN
            )
            if (key := next(differing, None)) is not None:
                raise study.sources.error(*_told(arm, key, values))


def _told(arm: Arm, key: str, values: dict[str, object]) -> tuple[tuple[str | int, ...], str]:
    """Where the key is decided, and what to do about it."""
    inner, by = in_state0(key), next((one for one in values if key_tree.overlap(one, key)), None)
    what = f"is searched (space.{by})" if by else f"is another in arm {arm.name}"
    remedy = f"let {SECTION}.{inner} settle it" if inner else "make it the same for all arms"
    text = f": finds one recipe of state 0 for all arms, but {key}, which state 0 follows from, {what}; {remedy}"
    return ("search", "state0"), text
