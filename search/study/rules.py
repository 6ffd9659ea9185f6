"""What must hold between the parts of a study file, beyond each part's own form."""

from __future__ import annotations

from typing import Any

from models.errors import UserError
from models.names import nearest, nearest_key, suggestion
from search.config_file import key_tree
from search.config_file.key_tree import is_known, unknown
from search.config_file.mistakes import Mistake, no_arm
from search.study.arm import Arm
from search.study.claims import baseline_of, comparing_arms
from search.study.compared.claim_checks import check_claim
from search.study.compared.looks import check_looks
from search.study.corners import check_samples, corner_values
from search.study.dense_recipe import DENSE_ARM, check_dense_search, dense_study
from search.study.searching.algorithm_rules import check_algorithm
from search.study.searching.algorithms import algorithm_traits
from search.study.study import Study

MOST_TRIALS = 200_000
"""Of all arms' searches together."""


def check_study_file(study: Study) -> None:
    """UserError for the first mistake found; nothing here needs data, weights or a network."""
    _check_size(study)
    _check_patches(study)
    for arm in study.arms.values():
        _check_metric(study, arm)
        _check_scratch(study, arm)
        if not arm.parameters:
            arm.config()
    check_samples(study)
    for arm in study.arms.values():
        _check_own_values(study, arm)
    check_dense_search(study)
    _check_enqueue(study)
    baseline = study.compare.baseline
    if baseline is not None and baseline not in study.arms:
        raise study.sources.error(("compare", "baseline"), no_arm(baseline, study.arms))
    _check_against(study)
    _check_choose(study)
    check_algorithm(study)
    if study.search.pairing == "shared":
        _check_shared(study)
    check_claim(study)
    check_looks(study)


def _check_size(study: Study) -> None:
    """A plan of all trials is made, and gone through, whenever a command looks at a run."""
    search = study.search
    seeds, dense = len(search.seeds or (None,)), search.state0.trials if search.state0 else 0
    sizes = [search.trials_per_arm] * len(study.arms)
    if search.algorithm == "grid":
        sizes = [min(search.trials_per_arm, study.space.grid_size(arm)) for arm in study.arms]
    trials = (sum(sizes) + dense) * seeds * search.replicates
    if trials <= MOST_TRIALS:
        return
    raise study.sources.error(
        ("search",),
        f": {trials:,} trials are asked for ({len(study.arms)} arms, search.trials_per_arm {search.trials_per_arm}, "
        f"search.seeds {seeds}, search.replicates {search.replicates}), and at most {MOST_TRIALS:,} can be; ask for fewer",
    )


def _check_patches(study: Study) -> None:
    """Arms patch keys that exist and that are not searched."""
    for arm in study.arms.values():
        for key in arm.patch:
            if not is_known(key):
                raise study.sources.error(("arms", arm.name, key), unknown(key))
            searched = next((parameter.key for parameter in arm.parameters if parameter.decides(key)), None)
            if searched is not None:
                raise study.sources.error(
                    ("arms", arm.name, key),
                    f" is searched (space.{searched}): take it out of the arm, or give the space entry `arms:` without "
                    f"{arm.name}",
                )


def _check_own_values(study: Study, arm: Arm) -> None:
    """What the trial itself says of a searched key is what `prunetune trial` takes, so it must be valid as well."""
    values = next(corner_values(study, arm))
    for key in values:
        if key_tree.get(arm.tree, key) is key_tree.ABSENT:
            continue
        try:
            arm.config({other: value for other, value in values.items() if other != key})
        except Mistake as error:
            # Only a value wrong in itself: what clashes with other keys may be there for them alone.
            if error.names == (key,):
                raise


def _check_metric(study: Study, arm: Arm) -> None:
    """What is compared is measured."""
    if arm.value("data.test_fraction") == 0 and study.compare.metric == "test_accuracy":
        raise study.sources.error(
            arm.where(("data", "test_fraction")),
            ": without a test split, but compare.metric is test_accuracy; say compare.metric: val_accuracy, or hold out more",
        )


def _check_scratch(study: Study, arm: Arm) -> None:
    """A scratch control names an arm that makes a structure of its own."""
    if not arm.traits.from_scratch or arm.value("prune.scratch.file") is not None:
        return
    named = arm.value("prune.scratch.arm")
    path = arm.where(("prune", "scratch", "arm"))
    if named is None:
        others = ", ".join(name for name, one in study.arms.items() if one.traits.makes_smaller)
        hint = f" ({others})" if others else ""
        raise study.sources.error(
            arm.where(("prune", "method")),
            f": scratch needs prune.scratch.arm, the arm whose final structure is trained from scratch{hint}",
        )
    if not isinstance(named, str) or named not in study.arms:
        raise study.sources.error(path, no_arm(named, study.arms))
    if not study.arms[named].traits.makes_smaller:
        raise study.sources.error(
            path, f": arm {named} ({study.arms[named].method}) has no smaller structure to train from scratch"
        )


def _check_enqueue(study: Study) -> None:
    """Enqueued configurations give searched keys values that make a trial; they may lie outside the ranges."""
    searched = (*study.space.keys(), *study.dense_space.keys())
    for number, entry in enumerate(study.search.enqueue):
        path = ("search", "enqueue", number)
        arms = entry.get("arms", list(study.arms))
        unknown = [arm for arm in arms if arm not in study.arms] if isinstance(arms, list) else [arms]
        if unknown:
            near = suggestion(nearest(str(unknown[0]), study.arms))
            raise study.sources.error((*path, "arms"), f": {unknown[0]!r} is no arm of this study{near}")
        for key in entry:
            if key != "arms" and key not in searched:
                hint = suggestion(nearest_key(key, searched))
                raise study.sources.error((*path, key), f" is not a searched key{hint}")
        for arm in arms:
            _check_entry(study, study.arms[arm], number, entry)
        if study.search.state0 is not None:
            dense = dense_study(study)
            _check_entry(dense, dense.arms[DENSE_ARM], number, entry)


def _check_entry(study: Study, arm: Arm, number: int, entry: dict[str, Any]) -> None:
    fixed = {key: value for key, value in entry.items() if key in arm.searched_keys}
    try:
        arm.config(study.space.sample(arm.name, seed=0, fixed=fixed) | fixed)
    except UserError as error:
        raise study.sources.error(("search", "enqueue", number), f" for arm {arm.name}: {error}") from None


def _check_against(study: Study) -> None:
    """Every other arm has one opponent, and no two are compared twice."""
    against, comparing = study.compare.against, comparing_arms(study)
    for arm, other in against.items():
        path = ("compare", "against", arm)
        for named in (arm, other):
            if named not in study.arms:
                raise study.sources.error(path, no_arm(named, study.arms))
            if named not in comparing:
                raise study.sources.error(
                    path,
                    f": {named} ({study.arms[named].method}) takes part in no comparison, since its network stays whole",
                )
        if arm == baseline_of(study):
            raise study.sources.error(
                path, f": {arm} is the baseline, which all other arms are compared with; name another compare.baseline"
            )
        if arm == other or against.get(other) == arm:
            raise study.sources.error(path, f": {arm} and {other} would be compared twice, or an arm with itself")


def _check_choose(study: Study) -> None:
    """The winner is a point of the objectives' front, so that one of them has to be named."""
    metrics = list(dict.fromkeys(one.metric for one in study.search.objective))
    if study.search.choose is None or study.search.choose in metrics:
        return
    raise study.sources.error(
        ("search", "choose"),
        f": {study.search.choose} is none of the objectives ({', '.join(metrics)}); name one of them",
    )


def _check_shared(study: Study) -> None:
    """Shared pairing draws common keys without looking at any arm's results."""
    traits = algorithm_traits(study.search.algorithm)
    if not (traits.draws or traits.enumerates):
        raise study.sources.error(
            ("search", "pairing"),
            f": shared goes with algorithm random, qmc or grid (common keys are drawn before any result), "
            f"found {study.search.algorithm}",
        )
    if not traits.enumerates:
        return
    # Each shared point is given to every arm equally often, or the arms' configurations of one number would differ in it.
    searched = [name for name, arm in study.arms.items() if arm.parameters]
    for common in study.space.shared().grid_points(next(iter(study.arms))):
        sizes = {arm: study.space.grid_size(arm, common) for arm in searched}
        if len(set(sizes.values())) > 1:
            found = ", ".join(f"{arm} has {size}" for arm, size in sizes.items())
            raise study.sources.error(
                ("search", "pairing"),
                f": shared pairing of grids of unequal size (for each shared point {found}); give the arms as many points of "
                "their own each",
            )
