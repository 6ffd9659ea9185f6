"""Which confirm trials stand for an arm in which unit, and which of two arms' are a pair.

The *unit* is what the tests exchange: one difference for each. Nothing else reads confirm trials by unit.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, variance

from search.run.curves import mean_or_none
from search.run.results import RunResults
from search.run.trials import RecordedTrial
from search.study.claims import FOLD, recipe_keys, seeds_in_fold
from search.study.sections import Claim


@dataclass(frozen=True)
class Pair:
    """Two arms' trials in one place of one unit: equal in all that the arms do not differ in."""

    unit: int
    ours: RecordedTrial
    theirs: RecordedTrial

    @property
    def survived(self) -> bool:
        """Whether both have an accuracy; a trial that diverged has none."""
        return self.ours.finished and self.theirs.finished


def replicates(results: RunResults, arm: str) -> dict[int, dict[str, RecordedTrial]]:
    """Unit → place within the unit → the arm's trial there, finished or diverged.

    Within a unit an arm has a place for each recipe and seed; what failed, was stopped or has not ended is no replicate.
    """
    place_of = PLACES[results.study.compare.claim or "configurations"]
    keys = recipe_keys(results.study)
    found: dict[int, dict[str, RecordedTrial]] = {}
    for trial in results.evidence(arm):
        if trial.finished or trial.diverged:
            unit, place = place_of(trial, keys)
            found.setdefault(unit, {})[place] = trial
    return dict(sorted(found.items()))


def _by_seed(trial: RecordedTrial, keys: Sequence[str]) -> tuple[int, str]:
    return trial.identity.seed, ""


def _by_seed_at_recipe(trial: RecordedTrial, keys: Sequence[str]) -> tuple[int, str]:
    return trial.identity.seed, json.dumps({key: trial.values[key] for key in keys if key in trial.values})


def _by_search(trial: RecordedTrial, keys: Sequence[str]) -> tuple[int, str]:
    return trial.identity.replicate, str(trial.identity.seed)


def _by_recipe(trial: RecordedTrial, keys: Sequence[str]) -> tuple[int, str]:
    return trial.identity.number, str(trial.identity.seed)


def _by_fold(trial: RecordedTrial, keys: Sequence[str]) -> tuple[int, str]:
    return int(trial.values[FOLD]), str(trial.identity.seed)


PLACES: dict[Claim, Callable[[RecordedTrial, Sequence[str]], tuple[int, str]]] = {
    "configurations": _by_seed,
    "pooled": _by_seed_at_recipe,
    "tuned": _by_search,
    "average": _by_recipe,
    "folds": _by_fold,
}
"""By what is claimed: a trial's unit, which is its seed, its search, its recipe or its fold, and its place in it."""


def pairs_of(results: RunResults, arm: str, baseline: str) -> list[Pair]:
    """Every place of every unit in which both arms have a trial that ended, in the order of the units."""
    ours, theirs = replicates(results, arm), replicates(results, baseline)
    return [
        Pair(unit, ours[unit][place], theirs[unit][place])
        for unit in sorted(ours.keys() & theirs.keys())
        for place in ours[unit]
        if place in theirs[unit]
    ]


def whole_units(results: RunResults, pairs: Sequence[Pair]) -> list[Pair]:
    """The surviving pairs that a claim may be read from.

    Recipes differ in how accurate they are, so `pooled` averages over the same ones in every unit, and `folds` over the same
    seeds: a unit in which a pair is missing or diverged is left out whole. Elsewhere a unit stands with the pairs that
    survived.
    """
    survived = [pair for pair in pairs if pair.survived]
    claim = results.study.compare.claim
    if claim not in ("pooled", "folds"):
        return survived
    wanted = max(1, len(results.recipes)) if claim == "pooled" else seeds_in_fold(results.study)
    counts = Counter(pair.unit for pair in survived)
    return [pair for pair in survived if counts[pair.unit] == wanted]


def unit_means(pairs: Iterable[Pair], value_of: Callable[[Pair], float | None]) -> dict[int, float | None]:
    """Unit → mean of `value_of` over its pairs; None where one of them has no value."""
    found: dict[int, list[float | None]] = {}
    for pair in pairs:
        found.setdefault(pair.unit, []).append(value_of(pair))
    return {unit: mean_or_none(values) for unit, values in found.items()}


def within_share(pairs: Iterable[Pair], value_of: Callable[[Pair], float | None]) -> float | None:
    """Of the variance of the units' means, the share (0..1) that comes from the spread within units: what more pairs in each
    could take away at most. None where units have one pair each, or no spread."""
    found: dict[int, list[float]] = {}
    for pair in pairs:
        if (value := value_of(pair)) is not None:
            found.setdefault(pair.unit, []).append(value)
    if len(found) < 2 or any(len(values) < 2 for values in found.values()):
        return None
    between = variance([fmean(values) for values in found.values()])
    within = fmean(variance(values) / len(values) for values in found.values())
    return min(1.0, within / between) if between > 0 else None
