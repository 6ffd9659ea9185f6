"""Whether the study's search gives what its claim (`compare.claim`) rests on."""

from __future__ import annotations

from search.study.claims import comparing_arms, recipe_keys, searched_although_given, tied_to_recipe
from search.study.compared.folds import check_folds
from search.study.compared.wanted import check_wanted
from search.study.replicates import STRIDE
from search.study.searching.algorithms import algorithm_traits
from search.study.study import Study


def check_claim(study: Study) -> None:
    """UserError where the study's search does not give what its claim rests on."""
    claim, search = study.compare.claim, study.search
    if search.replicates > 1 and claim != "tuned":
        raise study.sources.error(
            ("search", "replicates"), f": {search.replicates} searches go with compare.claim: tuned, found {claim}"
        )
    if claim not in ("configurations", "folds"):
        _check_split_is_given(study)
    if claim == "pooled":
        _check_pooled(study)
    if claim == "tuned":
        _check_tuned(study)
    if claim == "average":
        _check_average(study)
    if claim == "folds":
        check_folds(study)


def _check_split_is_given(study: Study) -> None:
    """A seed or a split that is searched differs between trials that the claim takes for equal in it."""
    found = searched_although_given(study)
    if found is None:
        return
    parameter, key = found
    raise study.sources.error(
        ("space", parameter.key),
        f": {key} is searched, but compare.claim {study.compare.claim} compares trials of equal seeds and splits; take it out "
        "of the space, or say compare.claim: configurations",
    )


def _check_tuned(study: Study) -> None:
    search = study.search
    if search.confirm is None:
        raise study.sources.error(
            ("compare", "claim"), ": tuned confirms each search's choice on fresh seeds; give search.confirm.seeds"
        )
    if search.replicates == 1:
        raise study.sources.error(
            ("compare", "claim"), ": tuned rests on independent searches, found one; give search.replicates, at least 6"
        )
    if search.warm_start is not None:
        raise study.sources.error(
            ("search", "warm_start"), ": searches that learn from one earlier run are not independent (claim: tuned)"
        )
    seeds = [*search.confirm.seeds, *(search.seeds or ())]
    if max(seeds) - min(seeds) >= STRIDE:
        raise study.sources.error(
            ("search", "replicates"),
            f": searches have their seeds {STRIDE:,} apart, so a study's own lie closer together; "
            f"found {min(seeds)} to {max(seeds)}",
        )


def _check_pooled(study: Study) -> None:
    arms = comparing_arms(study)
    if any(study.arms[arm].parameters for arm in arms) and not recipe_keys(study):
        raise study.sources.error(
            ("compare", "claim"),
            ": pooled runs every arm at each arm's choice of the keys they share, but the arms share no searched key; "
            "say tuned (with search.replicates), or configurations",
        )
    if (tied := tied_to_recipe(study)) is not None:
        raise study.sources.error(
            ("compare", "claim"),
            f": pooled gives an arm another's choice of the shared keys, but whether {tied} is searched depends on them; "
            "say tuned (with search.replicates), or configurations",
        )


def _check_average(study: Study) -> None:
    search = study.search
    wanted = {
        ("search", "pairing"): (search.pairing == "shared", "pairing: shared", search.pairing),
        # Units on one seed share whatever that seed does to an arm, so they would be no replicates.
        ("search", "seeds"): (search.seeds is None, "a seed of its own for each recipe", f"{search.seeds}"),
        ("search", "algorithm"): (
            algorithm_traits(search.algorithm).draws,
            "algorithm: random or qmc",
            search.algorithm,
        ),
        ("search", "confirm"): (search.confirm is None, "no confirm phase (nothing is chosen)", "one"),
        ("scheduler", "kind"): (study.scheduler.kind == "none", "no early stopping", study.scheduler.kind),
        ("search", "enqueue"): (not search.enqueue, "no enqueued configurations", f"{len(search.enqueue)}"),
    }
    check_wanted(study, wanted)
    drawn_apart = set(recipe_keys(study)) - set(study.space.shared().keys())
    if drawn_apart:
        raise study.sources.error(
            ("space", min(drawn_apart)),
            ": compare.claim average gives every arm the same draw of it; leave out `arms:`, or say another claim",
        )
