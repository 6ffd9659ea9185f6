"""What is odd about a study's arms: some are the same, run another method than one would think, or have other images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pruning.catalogue import DEFAULT_METHOD, METHODS
from search.config_file import key_tree
from search.config_file.mistakes import Mistake
from search.space.parameter import Parameter
from search.study.arm import Arm
from search.study.compared.images import image_warnings
from search.study.corners import corner_values, paired_corner_values
from search.study.study import Study
from trainables.config.trial import TrialConfig
from trainables.stages.recipe import recipes_of, shared_by_all_states


def arm_warnings(study: Study) -> list[str]:
    """Arms that are the same, that run another method than one would think, or that have images of their own."""
    if len(study.arms) == 1:
        return []
    return [*_same_arms(study), *_unsaid_methods(study), *image_warnings(study)]


def _same_arms(study: Study) -> list[str]:
    groups: list[list[Arm]] = []
    outcomes = {arm.name: _outcome(_first(study, arm)) for arm in study.arms.values()}
    for arm in study.arms.values():
        alike = (group for group in groups if outcomes[group[0].name] == outcomes[arm.name])
        known = next((group for group in alike if _search_the_same(study, group[0], arm)), None)
        if known is None:
            groups.append([arm])
        else:
            known.append(arm)
    return [_same_text(study, group) for group in groups if len(group) > 1]


def _first(study: Study, arm: Arm) -> TrialConfig:
    return arm.config(next(corner_values(study, arm)))


def _outcome(config: TrialConfig) -> Any:
    """All that decides what becomes of a trial."""
    return shared_by_all_states(config), recipes_of(config)


def _searched(arm: Arm) -> dict[str, Any]:
    return {one.name: one.spec() | {"arms": None} for one in arm.parameters}


def _search_the_same(study: Study, first: Arm, second: Arm) -> bool:
    """Whether two arms search the same, but for what changes nothing in their trials."""
    unlike = _unlike(_searched(first), _searched(second))
    return not any(_acts(study, arm, one) for arm in (first, second) for one in arm.parameters if one.name in unlike)


def _acts(study: Study, arm: Arm, parameter: Parameter) -> bool:
    """Whether different values of the parameter make different trials, whatever one other is set to."""
    outcomes: list[tuple[dict[str, Any], Any]] = []
    for values in paired_corner_values(study, arm, arm.parameters):
        if parameter.key not in values:
            continue
        others = {key: value for key, value in values.items() if key != parameter.key}
        try:
            outcome = _outcome(arm.config(values))
        except Mistake:
            continue
        if any(known == others and found != outcome for known, found in outcomes):
            return True
        outcomes.append((others, outcome))
    return False


def _unlike(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> set[str]:
    return {key for key in {*ours, *theirs} if ours.get(key) != theirs.get(key)}


def _same_text(study: Study, arms: Sequence[Arm]) -> str:
    names = [arm.name for arm in arms]
    first, *others = (
        dict(key_tree.leaves(_first(study, arm).model_dump(mode="json"))) | _searched(arm) for arm in arms
    )
    differing = sorted({key.partition("#")[0] for other in others for key in _unlike(first, other)})
    unlike = f" (they differ in {', '.join(differing)}, without effect there)" if differing else ""
    return (
        f"arms: {', '.join(names[:-1])} and {names[-1]} ask for the same trials, which is an A/A study{unlike}: any difference "
        "between them is chance, and a claim of one is false"
    )


def _unsaid_methods(study: Study) -> list[str]:
    lines = []
    for arm in study.arms.values():
        if arm.method is not None and arm.value("prune.method") is None:
            lines.append(
                f"arms.{arm.name}: has no method of its own, and the trial names none: it runs {DEFAULT_METHOD}, the default; "
                "write prune.method"
            )
        elif arm.name in METHODS and arm.method not in (None, arm.name):
            lines.append(f"arms.{arm.name}: runs {arm.method}, although its name is that of another method")
    return lines
