"""What varied between the units of a contrast, and so how far its sentence reaches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from search.evidence.formats import counted
from search.evidence.paired.units import Pair
from search.run.trials import RecordedTrial
from search.study.claims import MAKE_TEST, OF_SEARCH
from search.study.compared.images import Apart, apart_text, images_apart, judged_apart, reads_fold
from search.study.sections import Claim, CompareConfig


def unit_word(claim: Claim | None) -> str:
    """What a unit of a claim is called."""
    return {"tuned": "search", "average": "recipe", "folds": "fold"}.get(str(claim), "seed")


def trials_word(claim: Claim | None) -> str:
    """What the trials that a claim rests on are called."""
    return "trial" if claim in OF_SEARCH else "confirm trial"


def fold_of(trial: RecordedTrial) -> int | None:
    """Which fold of its data set a trial is of; None where that has none."""
    data = _data(trial)
    return int(data["fold"]) if reads_fold(data) else None


def scope_text(pairs: Sequence[Pair], compare: CompareConfig) -> str:
    """`over 8 seeds of one split and one search`: what an interval or a p-value of these pairs speaks of, and on which images
    where the two arms do not have the same."""
    apart = _apart(pairs)
    if not apart:
        return _over(pairs, compare)
    names = (pairs[0].ours.identity.arm, pairs[0].theirs.identity.arm)
    return f"{_over(pairs, compare)}, on {apart_text(apart, names, compare.metric)}"


def judged_alike(pair: Pair) -> bool:
    """Whether both networks are tested on the same images."""
    return not judged_apart(images_apart(_data(pair.ours), _data(pair.theirs)), "test_accuracy")


def test_split(trial: RecordedTrial) -> tuple[object, ...]:
    """What decides a trial's test images."""
    return tuple(_data(trial).get(key.removeprefix("data.")) for key in MAKE_TEST)


def _over(pairs: Sequence[Pair], compare: CompareConfig) -> str:
    claim = compare.claim
    if claim == "folds":
        noun = "test" if compare.metric == "test_accuracy" else "validation"
        return f"on the {noun} images of these folds"
    units = len({pair.unit for pair in pairs})
    splits = len({test_split(trial) for pair in pairs for trial in (pair.ours, pair.theirs)})
    of_splits = "one split" if splits == 1 else f"{splits} splits"
    if claim == "tuned":
        return f"over {counted(units, 'independent search')}, each with seeds of its own"
    seeds = len({pair.ours.identity.seed for pair in pairs})
    if claim == "average":
        return f"over {counted(units, 'recipe')} on {counted(seeds, 'seed')} of {of_splits}"
    each = _most_places(pairs)
    averaged = "" if each == 1 else f", averaged over {counted(each, 'recipe')}"
    return f"over {counted(units, 'seed')} of {of_splits} and one search{averaged}"


def _most_places(pairs: Iterable[Pair]) -> int:
    places: dict[int, int] = {}
    for pair in pairs:
        places[pair.unit] = places.get(pair.unit, 0) + 1
    return max(places.values(), default=1)


def _apart(pairs: Sequence[Pair]) -> Apart:
    """What differs between the images of two arms, at the first pair in which it does: each search may choose anew."""
    found: Apart = {}
    for pair in pairs:
        found = images_apart(_data(pair.ours), _data(pair.theirs)) | found
    return found


def _data(trial: RecordedTrial) -> Mapping[str, Any]:
    data: Mapping[str, Any] = trial.config.get("data", {})
    return data
