"""Whether what a search optimises can answer the study's question."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from models.units.structure import target_text
from search.config_file import key_tree
from search.space.distributions import Choice, same
from search.space.parameter import Parameter
from search.study.claims import claim_warnings, family_warnings
from search.study.searching.algorithm_rules import algorithm_warnings
from search.study.study import Study
from trainables.config.prune import RATIO_KEYS
from trainables.config.target import in_one_form

REMOVAL_KEYS = (
    *(f"prune.schedule.{key}" for key in RATIO_KEYS.values()),
    "prune.schedule.kept",
    "prune.schedule.rate_per_state",
    "prune.schedule.macs_target",
    "prune.fillback_rate",
    "prune.target",
    "prune.method",
    "prune.min_kept",
    "prune.round_to",
)
"""Keys that decide how much of the network is gone at the end."""
QUALITY = ("val_accuracy", "val_loss")
COST = ("macs", "params", "latency_ms", "removed_percent")


def check_objective(study: Study) -> None:
    """UserError where the search would only choose the least pruning (or only the most), or cannot be measured."""
    _check_latency(study)
    found = _unbounded(study)
    if len(study.search.objective) > 1 or found is None:
        return
    metric, free, extreme, remedy = found
    raise study.sources.error(
        ("space", free),
        f" is searched with the plain objective {metric}, which would only choose the {extreme} pruning; give a constraint "
        f"(search.constraints: '{remedy}'), a removal to compare at (search.objective: {{metric: val_accuracy, at: 60}}), a "
        "prune.schedule.macs_target, or a second objective (search.objective: {val_accuracy: max, macs: min})",
    )


def _unbounded(study: Study) -> tuple[str, str, str, str] | None:
    """The metric that chooses, a searched key that it would drive to one end, that end and a remedy; None where bounded."""
    chooses = study.search.objectives_by_choice[0]
    free = next(_free_removal(study), None)
    if chooses.at is not None or free is None:
        return None
    bounding, extreme, remedy = (
        (COST, "least", "macs <= 0.3") if chooses.metric in QUALITY else (QUALITY, "most", "val_accuracy >= 0.9")
    )
    if any(constraint.metric in bounding for constraint in study.search.constraints):
        return None
    return chooses.metric, free, extreme, remedy


def _check_latency(study: Study) -> None:
    used = {one.metric for one in study.search.objective} | {one.metric for one in study.search.constraints}
    unmeasured = [name for name, arm in study.arms.items() if arm.value("measure.latency") is not True]
    if "latency_ms" in used and unmeasured:
        raise study.sources.error(
            ("search",),
            f": latency_ms is searched by, but arm {unmeasured[0]} does not measure it; set trial.measure.latency: true "
            "(and resources.max_concurrent: 1, since trials that share a machine disturb each other)",
        )


def _free_removal(study: Study) -> Iterator[str]:
    """The searched keys that change how much an arm removes at the end."""
    for arm in study.arms.values():
        if arm.value("prune.schedule.macs_target") is not None:
            continue
        rate = arm.value("prune.schedule.rate_per_state")
        keys = REMOVAL_KEYS if rate is None else (*REMOVAL_KEYS, "prune.schedule.states")
        yield from (one.key for one in arm.parameters if any(_varies(one, key, arm.tree) for key in keys))


def _varies(parameter: Parameter, key: str, tree: Any) -> bool:
    """Whether different values of the parameter leave different things at `key`."""
    if not parameter.decides(key):
        return False
    if not isinstance(parameter.distribution, Choice):
        return True
    found = [key_tree.get(key_tree.with_keys(tree, {parameter.key: one}), key) for one in parameter.distribution.values]
    if key == "prune.target":
        found = [in_one_form(one) for one in found]
    return not all(same(one, found[0]) for one in found)


def objective_warnings(study: Study) -> list[str]:
    """What will run, but cannot show what one may hope for."""
    search, warnings = study.search, []
    warnings += algorithm_warnings(study)
    if len(search.objective) > 1 and (found := _unbounded(study)) is not None:
        metric, free, extreme, remedy = found
        warnings.append(
            f"search.choose: of the front the point with the best {metric} is confirmed and exported, which with {free} "
            f"searched is that of the {extreme} pruning; give a constraint, such as search.constraints: '{remedy}'"
        )
    warnings += [*_unlike_targets(study), *claim_warnings(study), *family_warnings(study)]
    if search.confirm is None:
        return warnings
    seeds = search.confirm.seeds
    searched = set(search.seeds or (study.trial.get("seed", 0),))
    if searched & set(seeds):
        warnings.append(
            f"search.confirm.seeds: {sorted(searched & set(seeds))} were searched with; fresh ones are needed"
        )
    return warnings


def _unlike_targets(study: Study) -> list[str]:
    """Where what is compared at a share removed, or searched for at one, is a share of different things."""
    choosing = any(one.at is not None for one in study.search.objectives_by_choice)
    comparing = any(level.axis == "removed_percent" for level in study.compare.at)
    targets = {one for name, arm in study.arms.items() if arm.traits.ends_small for one in _targets_of(study, name)}
    if len(targets) < 2 or not (choosing or comparing):
        return []
    named, where = ", ".join(sorted(targets)), "search.objective" if choosing else "compare.at"
    remedy = (
        "search with a constraint in its place, such as search.constraints: 'macs <= 0.5'"
        if choosing
        else "compare at a share of MACs, such as compare.at: {macs: 0.5}"
    )
    return [
        f"{where}: removed_percent is of the parameters that a target's units hold, and targets differ ({named}): the same "
        f"figure is not the same share of the network; {remedy}"
    ]


def _targets_of(study: Study, name: str) -> set[str]:
    """Every target that an arm may have, for people."""
    arm, key = study.arms[name], "prune.target"
    written: list[Any] = [arm.value(key) or "both"]
    for one in arm.parameters:
        if one.decides(key) and isinstance(one.distribution, Choice):
            trees = [key_tree.with_keys(arm.tree, {one.key: value}) for value in one.distribution.values]
            written = [key_tree.get(tree, key) for tree in trees]
    return {target_text(tuple(value) if isinstance(value, list) else value) for value in written}
