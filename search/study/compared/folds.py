"""Whether a study gives what a comparison over folds (`compare.claim: folds`) rests on, and that it does not grow."""

from __future__ import annotations

from models.errors import UserError
from search.study.claims import FOLD, folds_of, searched_beside_fold
from search.study.compared.wanted import check_wanted
from search.study.study import Study


def check_folds(study: Study) -> None:
    """UserError where an arm is not run once, and to its end, on every fold and seed, with nothing chosen on the way."""
    _check_one_configuration(study)
    _check_nothing_is_chosen(study)


def _check_one_configuration(study: Study) -> None:
    folds, beside = folds_of(study), searched_beside_fold(study)
    if len(folds) < 2:
        raise study.sources.error(
            ("compare", "claim"),
            ": folds runs every arm on the same folds, at least two: give space.data.fold: {grid: [1, 2, ...]} for all arms, "
            f"found {list(folds) or 'none in common'}",
        )
    if beside:
        raise study.sources.error(
            ("space", beside[0]),
            f": compare.claim folds chooses nothing, and {beside[0]} is searched beside data.fold: chosen on one fold, it "
            "would be chosen on images that other folds test with; give it one value, or make an arm of each",
        )
    if study.search.trials_per_arm < len(folds):
        raise study.sources.error(
            ("search", "trials_per_arm"),
            f": compare.claim folds runs all {len(folds)} folds of the space, found {study.search.trials_per_arm}; take it "
            "out, or list fewer folds",
        )


def _check_nothing_is_chosen(study: Study) -> None:
    search = study.search
    wanted = {
        ("search", "algorithm"): (search.algorithm == "grid", "algorithm: grid", search.algorithm),
        ("search", "confirm"): (search.confirm is None, "no confirm phase (nothing is chosen)", "one"),
        ("search", "state0"): (search.state0 is None, "no search of the dense recipe (nothing is chosen)", "one"),
        ("search", "enqueue"): (not search.enqueue, "no enqueued configurations", f"{len(search.enqueue)}"),
        ("search", "warm_start"): (search.warm_start is None, "no earlier run to learn from", f"{search.warm_start}"),
        ("scheduler", "kind"): (study.scheduler.kind == "none", "no early stopping", study.scheduler.kind),
    }
    check_wanted(study, wanted)
    for arm in study.arms.values():
        if arm.traits.from_scratch and arm.value("prune.scratch.file") is None:
            raise study.sources.error(
                arm.where(("prune", "method")),
                ": scratch takes its structure from one trial of another arm, which under compare.claim folds was trained on "
                "images that other folds test with; take the arm out, or give prune.scratch.file",
            )


def check_no_growth(study: Study, options: tuple[str, ...]) -> None:
    """UserError where a study over folds is asked to grow by `options`: its folds are all there are."""
    if study.compare.claim != "folds" or not options:
        return
    raise UserError(
        f"{' and '.join(options)}: a comparison over folds (compare.claim: folds) does not grow: its {len(folds_of(study))} "
        f"values of {FOLD} and its search.seeds are stated beforehand, and it is tested once; for more, sweep a study that "
        "states them under another --name"
    )
