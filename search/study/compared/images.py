"""Which images arms are judged on, and what else differs between their images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from search.config_file import key_tree
from search.study.arm import Arm
from search.study.claims import MAKE_TEST, baseline_of, comparing_arms, units_asked
from search.study.corners import corner_values
from search.study.study import Study

JUDGED = {"test_accuracy": ("test", MAKE_TEST), "val_accuracy": ("validation", (*MAKE_TEST, "data.val_fraction"))}
"""By what is compared: the images it is measured on, and the keys that decide them."""
CHANGES_NO_IMAGE = ("data.workers", "data.on_bad_image")
"""Who stops at an unreadable file has none among its images, and so the same ones as who leaves such files out."""
FOLDED = "dtd"
"""The data set that comes with its folds; of others `data.folds` makes some."""
Apart = dict[str, tuple[Any, Any]]
"""Dotted key → its values on both sides, which differ."""


def reads_fold(data: Mapping[str, Any]) -> bool:
    """Whether `data.fold` decides any image of a trial with this `data` section."""
    return data.get("name") == FOLDED or data.get("folds") is not None


def images_apart(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> Apart:
    """What differs between two trials' `data` sections as plain data; what only one of them knows came later and is none."""
    sides = [dict(key_tree.leaves(one, "data")) for one in (ours, theirs)]
    ignored = set(CHANGES_NO_IMAGE)
    if not (reads_fold(ours) or reads_fold(theirs)):
        ignored.add("data.fold")
    first, second = sides
    known = (key for key in first if key in second and key not in ignored)
    return {key: (first[key], second[key]) for key in known if first[key] != second[key]}


def judged_apart(apart: Apart, metric: str) -> Apart:
    """Of these, what puts other images under the compared metric."""
    _, keys = JUDGED[metric]
    return {key: values for key, values in apart.items() if key in keys}


def check_judged_alike(study: Study) -> None:
    """UserError where a claim about methods would pair networks that are judged on different images."""
    claim = study.compare.claim
    if claim == "configurations" or units_asked(study)[0] == 0:
        return
    noun, _ = JUDGED[study.compare.metric]
    for arm, baseline, apart in _differing(study, comparing_arms(study)):
        judged = judged_apart(apart, study.compare.metric)
        if not judged:
            continue
        key, (value, other) = next(iter(judged.items()))
        patched = next(one for one in (arm, baseline) if one.where(key.split("."))[0] == "arms")
        raise study.sources.error(
            patched.where(key.split(".")),
            f": {arm.name} has {_shown(value)} and {baseline.name} {_shown(other)}, so they are judged on different {noun} "
            f"images and compare.claim {claim} has no pairs of trials to compare; give both arms the same (search.replicates "
            "draws splits anew for all alike), or say compare.claim: configurations, whose verdict names the difference",
        )


def image_warnings(study: Study) -> list[str]:
    """One for each arm whose images are not those of whom it is compared with."""
    return [
        f"arms.{arm.name}: compared with {baseline.name} on "
        f"{apart_text(apart, (arm.name, baseline.name), study.compare.metric)}, so their difference is one of these "
        "images as well"
        for arm, baseline, apart in _differing(study, study.arms)
    ]


def apart_text(apart: Apart, names: tuple[str, str], metric: str) -> str:
    """`different test images (data.split_seed: b 5, a 0) and images that differ (data.image_size: b 16, a 8)`."""
    judged = judged_apart(apart, metric)
    others = {key: values for key, values in apart.items() if key not in judged}
    noun, _ = JUDGED[metric]
    parts = []
    if judged:
        parts.append(f"different {noun} images ({_values_text(judged, names)})")
    if others:
        parts.append(f"images that differ ({_values_text(others, names)})")
    return " and ".join(parts)


def _values_text(apart: Apart, names: tuple[str, str]) -> str:
    return "; ".join(
        f"{key}: " + ", ".join(f"{name} {_shown(value)}" for name, value in zip(names, values, strict=True))
        for key, values in apart.items()
    )


def _shown(value: Any) -> str:
    return "the default" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _differing(study: Study, arms: Iterable[str]) -> list[tuple[Arm, Arm, Apart]]:
    """(arm, whom it is compared with, what differs between their images) of each of these arms that has some, searched keys
    left out."""
    found = []
    for name in arms:
        arm = study.arms[name]
        baseline = study.arms[study.compare.opponent_of(name, baseline_of(study))]
        apart = images_apart(data_of(study, arm), data_of(study, baseline))
        searched = (*arm.parameters, *baseline.parameters)
        fixed = {key: values for key, values in apart.items() if not any(one.decides(key) for one in searched)}
        if fixed:
            found.append((arm, baseline, fixed))
    return found


def data_of(study: Study, arm: Arm) -> dict[str, Any]:
    data: dict[str, Any] = arm.config(next(corner_values(study, arm))).data.model_dump(mode="json")
    return data
