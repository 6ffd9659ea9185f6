"""What must hold between the parts of a study file, beyond each part's own form."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from models.errors import UserError
from models.names import nearest, nearest_key, suggestion
from pruning.catalogue import traits_of
from search.config_file import key_tree
from search.config_file.key_tree import is_known, known_keys
from search.study.corners import check_samples, corner_values

if TYPE_CHECKING:
    from search.study.study import Study


def check_study_file(study: Study) -> None:
    """UserError for the first mistake found; nothing here needs data, weights or a network."""
    _check_patches(study)
    for arm in study.arms:
        _check_scratch(study, arm)
        if not study.space.for_arm(arm):
            study.trial_config(arm)
    check_samples(study)
    for arm in study.arms:
        _check_own_values(study, arm)
    _check_enqueue(study)
    _check_baseline(study)
    _check_shared(study)


def _check_patches(study: Study) -> None:
    """Arms patch keys that exist and that are not searched."""
    for arm, patch in study.arms.items():
        for key in patch:
            if not is_known(key):
                near = nearest_key(key, known_keys())
                raise study.sources.error(("arms", arm, key), f" is not a known key of a trial{suggestion(near)}")
            searched = _searched_by(study, arm, key)
            if searched is not None:
                raise study.sources.error(
                    ("arms", arm, key),
                    f" is searched (space.{searched}): take it out of the arm, or give the space entry `arms:` without {arm}",
                )


def _searched_by(study: Study, arm: str, key: str) -> str | None:
    for parameter in study.space.for_arm(arm):
        if any(key_tree.overlap(key, leaf) for leaf in parameter.sets()):
            return parameter.key
    return None


def _check_own_values(study: Study, arm: str) -> None:
    """What the trial itself says of a searched key is what `prunetune trial` takes, so it must be valid as well."""
    values = next(corner_values(study, arm))
    for key in values:
        if key_tree.get(study.tree(arm), key) is key_tree.ABSENT:
            continue
        try:
            study.trial_config(arm, {other: value for other, value in values.items() if other != key})
        except UserError as error:
            # Only a value wrong in itself: what clashes with other keys may be there for them alone.
            if f".{key}: " in str(error):
                raise


def _check_scratch(study: Study, arm: str) -> None:
    """A scratch control names an arm that makes a structure of its own."""
    if not traits_of(study.method(arm)).from_scratch:
        return
    if key_tree.get(study.tree(arm), "prune.scratch.file") not in (key_tree.ABSENT, None):
        return
    named = key_tree.get(study.tree(arm), "prune.scratch.arm")
    path = study.path_of(arm, ("prune", "scratch", "arm"))
    if named is key_tree.ABSENT or named is None:
        others = _named(one for one in study.arms if traits_of(study.method(one)).makes_smaller)
        raise study.sources.error(
            study.path_of(arm, ("prune", "method")),
            f": scratch needs prune.scratch.arm, the arm whose final structure is trained from scratch{others}",
        )
    if named not in study.arms:
        near = suggestion(nearest(str(named), study.arms))
        raise study.sources.error(path, f": {named!r} is no arm of this study ({', '.join(study.arms)}){near}")
    if not traits_of(study.method(named)).makes_smaller:
        raise study.sources.error(
            path, f": arm {named} ({study.method(named)}) has no smaller structure to train from scratch"
        )


def _named(arms: Iterable[str]) -> str:
    names = ", ".join(arms)
    return f" ({names})" if names else ""


def _check_enqueue(study: Study) -> None:
    """Enqueued configurations give searched keys values that make a trial; they may lie outside the ranges."""
    searched = study.space.keys()
    for number, entry in enumerate(study.search.enqueue):
        path = ("search", "enqueue", number)
        arms = entry.get("arms", list(study.arms))
        unknown = [arm for arm in arms if arm not in study.arms] if isinstance(arms, list) else [arms]
        if unknown:
            near = suggestion(nearest(str(unknown[0]), study.arms))
            raise study.sources.error((*path, "arms"), f": {unknown[0]!r} is no arm of this study{near}")
        for key in entry:
            if key != "arms" and key not in searched:
                near = suggestion(nearest_key(key, searched))
                raise study.sources.error((*path, key), f" is not a searched key{near}")
        for arm in arms:
            _check_entry(study, arm, number, entry)


def _check_entry(study: Study, arm: str, number: int, entry: dict[str, Any]) -> None:
    keys = {parameter.key for parameter in study.space.for_arm(arm)}
    fixed = {key: value for key, value in entry.items() if key in keys}
    try:
        study.trial_config(arm, {**study.space.sample(arm, seed=0, fixed=fixed)} | fixed)
    except UserError as error:
        raise study.sources.error(("search", "enqueue", number), f" for arm {arm}: {error}") from None


def _check_baseline(study: Study) -> None:
    baseline = study.compare.baseline
    if baseline is not None and baseline not in study.arms:
        near = suggestion(nearest(baseline, study.arms))
        raise study.sources.error(
            ("compare", "baseline"), f": {baseline!r} is no arm of this study ({', '.join(study.arms)}){near}"
        )


def _check_shared(study: Study) -> None:
    """Shared pairing draws common keys without looking at any arm's results."""
    if study.search.pairing == "shared" and study.search.algorithm not in ("random", "qmc", "grid"):
        raise study.sources.error(
            ("search", "pairing"),
            f": shared goes with algorithm random, qmc or grid (common keys are drawn before any result), "
            f"found {study.search.algorithm}",
        )
    if study.search.pairing == "shared" and study.search.algorithm == "grid":
        _check_shared_grid(study)


def _check_shared_grid(study: Study) -> None:
    """Each shared point is given to every arm equally often, or the arms' configurations of one number would differ in it."""
    searched = [arm for arm in study.arms if study.space.for_arm(arm)]
    for common in study.space.shared().grid_points(next(iter(study.arms))):
        sizes = {arm: study.space.grid_size(arm, common) for arm in searched}
        if len(set(sizes.values())) > 1:
            found = ", ".join(f"{arm} has {size}" for arm, size in sizes.items())
            raise study.sources.error(
                ("search", "pairing"),
                f": shared pairing of grids of unequal size (for each shared point {found}); give the arms as many points of "
                "their own each",
            )
