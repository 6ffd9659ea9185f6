"""`search.state0`: the recipe of the dense state 0 is searched once, before the arms, which then all begin with what it found.

That search is a study of its own, with one arm whose trials are state 0 and nothing more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from search.config_file import key_tree
from search.space.space import Space
from search.study.arm import Arm
from search.study.corners import check_samples, corner_values
from search.study.objectives import Objective
from search.study.replicates import replicate_of
from search.study.searching.scheduler import SchedulerConfig
from search.study.sections import CompareConfig, SearchConfig
from search.study.study import Study

SECTION = "train.state0"
"""What the search may choose: the keys of the space in this section of a trial."""
DENSE_ARM = "state0"
"""The only arm of the study that searches the recipe."""
JUDGED_BY = Objective(metric="val_accuracy", direction="max")
NOTHING_PRUNED = {"method": "dense", "schedule": {"states": 0}}


def divided(space: Space, search: SearchConfig) -> tuple[Space, Space]:
    """What the arms search, and what `search.state0` searches before them: nothing where the study has none."""
    if search.state0 is None:
        return space, Space()
    first = tuple(one for one in space.parameters if key_tree.within(one.key, SECTION))
    rest = tuple(one for one in space.parameters if one not in first)
    return Space(rest, space.base), Space(first, space.base)


def pruning_arms(study: Study) -> list[Arm]:
    """The arms that begin with a dense state 0."""
    return [arm for arm in study.arms.values() if not arm.traits.from_scratch]


def dense_study(study: Study, replicate: int = 0) -> Study:
    """The study that searches the recipe, for one of the study's searches; it has that search's seeds and its resources.

    Call it of a study with `search.state0`. Its trial is that of the first arm with a dense state 0, as all of these have it
    alike (`check_dense_recipe`).
    """
    assert study.search.state0 is not None
    whole = replicate_of(study, replicate)
    tree = {**pruning_arms(whole)[0].tree, "prune": NOTHING_PRUNED}
    parameters = study.dense_space.parameters
    arm = Arm(DENSE_ARM, {}, tree, parameters, study.sources, found=study.found_weights)
    search = whole.search.model_copy(
        update={
            "trials_per_arm": study.search.state0.trials,
            "objective": (JUDGED_BY,),
            "choose": None,
            "constraints": (),
            "enqueue": _enqueued(study),
            "pairing": "independent",
            "warm_start": None,
            "confirm": None,
            "replicates": 1,
            "state0": None,
        }
    )
    return replace(
        whole,
        name=f"{study.name}-state0" if not replicate else f"{study.name}-state0-r{replicate}",
        trial=tree,
        arms={DENSE_ARM: arm},
        space=Space(parameters, {DENSE_ARM: tree}),
        dense_space=Space(),
        search=search,
        scheduler=SchedulerConfig(),
        compare=CompareConfig(claim="configurations", metric="val_accuracy", alpha=study.compare.alpha),
        searched_keys=study.dense_space.keys(),
        dense_recipes=(),
    )


def with_dense_recipes(study: Study, recipes: Sequence[Mapping[str, Any]]) -> Study:
    """The study whose arms begin with what was found: a recipe for each of its searches, by dotted keys.

    What the study asks for (`to_json`) stays as it was. Without recipes the study itself.
    """
    if not recipes:
        return study
    arms = {name: replace(arm, tree=key_tree.with_keys(arm.tree, recipes[0])) for name, arm in study.arms.items()}
    return replace(study, arms=arms, dense_recipes=tuple(dict(one) for one in recipes))


def with_any_recipe(study: Study) -> Study:
    """The study as it is once its recipe has been found: for what does not hang on which one that is. It is one of the
    longest, so that what is counted with it is no less than what may come."""
    if study.search.state0 is None or study.dense_recipes:
        return study
    dense = dense_study(study)
    arm = dense.arms[DENSE_ARM]
    longest = max(corner_values(dense, arm), key=lambda values: arm.config(values).epochs_of_states()[0])
    return with_dense_recipes(study, [longest] * study.search.replicates)


def check_dense_search(study: Study) -> None:
    """UserError where `search.state0` has nothing to search, or what only some arms or conditions would have."""
    if study.search.state0 is None:
        return
    if not pruning_arms(study):
        raise study.sources.error(("search", "state0"), ": no arm begins with a dense state 0")
    keys = study.dense_space.keys()
    if not keys:
        raise study.sources.error(
            ("search", "state0"),
            f": searches the keys of the space in {SECTION}, found none; give one, such as "
            f"space.{SECTION}.lr: {{log_uniform: [3.0e-4, 3.0e-3]}}, or leave search.state0 out",
        )
    for parameter in study.dense_space.parameters:
        if parameter.arms is not None:
            raise study.sources.error(
                ("space", parameter.key, "arms"),
                ": search.state0 finds one recipe for all arms; leave `arms` out",
            )
    _check_conditions(study)
    for number, entry in enumerate(study.search.enqueue):
        if "arms" in entry and (key := next((one for one in entry if one in keys), None)) is not None:
            raise study.sources.error(
                ("search", "enqueue", number, "arms"),
                f": {key} is found by search.state0 for all arms; enqueue it without `arms`",
            )
    for arm in study.arms.values():
        patched = next(
            (key for key in arm.patch if any(one.decides(key) for one in study.dense_space.parameters)), None
        )
        if patched is not None:
            raise study.sources.error(
                ("arms", arm.name, patched),
                " is found by search.state0 for all arms: take it out of the arm, or out of the space",
            )
    check_samples(dense_study(study))


def _check_conditions(study: Study) -> None:
    """Neither of the two searches can ask what the other chose, nor the first one how something is pruned."""
    for parameter in study.dense_space.parameters:
        if (asked := next((key for key in parameter.when if key_tree.within(key, "prune")), None)) is not None:
            raise study.sources.error(
                ("space", parameter.key, "when"), f": asks for {asked}, but nothing is pruned in state 0"
            )
    sides = (
        (study.dense_space, study.space, "is searched after it"),
        (study.space, study.dense_space, "has been settled"),
    )
    for own, other, when in sides:
        for parameter in own.parameters:
            for key in parameter.when:
                if any(one.decides(key) for one in other.parameters):
                    raise study.sources.error(
                        ("space", parameter.key, "when"),
                        f": asks for {key}, which {when}, since search.state0 searches {SECTION} first and alone",
                    )


def _enqueued(study: Study) -> tuple[dict[str, Any], ...]:
    """The parts of the enqueued configurations that are about state 0, each once."""
    keys = study.dense_space.keys()
    parts = [{key: value for key, value in entry.items() if key in keys} for entry in study.search.enqueue]
    return tuple(part for place, part in enumerate(parts) if part and part not in parts[:place])
