"""What is odd about a study's arms: some are the same, run another method than one would think, or have other images."""

from __future__ import annotations

from typing import Any

from pruning.catalogue import DEFAULT_METHOD, METHODS
from search.study.arm import Arm
from search.study.compared.images import image_warnings
from search.study.corners import corner_values
from search.study.study import Study


def arm_warnings(study: Study) -> list[str]:
    """Arms that are the same, that run another method than one would think, or that have images of their own."""
    if len(study.arms) == 1:
        return []
    return [*_same_arms(study), *_unsaid_methods(study), *image_warnings(study)]


def _same_arms(study: Study) -> list[str]:
    by_request: list[tuple[Any, list[str]]] = []
    for arm in study.arms.values():
        request = _request(study, arm)
        names = next((names for known, names in by_request if known == request), None)
        if names is None:
            by_request.append((request, [arm.name]))
        else:
            names.append(arm.name)
    return [
        f"arms: {', '.join(names[:-1])} and {names[-1]} ask for the same trials, which is an A/A study: any difference "
        "between them is chance, and a claim of one is false"
        for _, names in by_request
        if len(names) > 1
    ]


def _request(study: Study, arm: Arm) -> Any:
    """All that an arm's trials come from, defaults filled in; two arms with the same are the same."""
    values = next(corner_values(study, arm))
    searched = [(one.key, one.spec() | {"arms": None}) for one in arm.parameters]
    return arm.config(values).model_dump(mode="json"), searched


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
