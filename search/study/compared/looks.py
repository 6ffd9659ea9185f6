"""Looks stated beforehand (`compare.looks`): how a level is spent over them, and whether the first can find anything."""

from __future__ import annotations

import math

from search.study.claims import OF_SEARCH, family_size
from search.study.study import Study


def spent(level: float, share: float) -> float:
    """What of `level` is spent once `share` (0..1) of the planned pairs are there: level * ln(1 + (e - 1) * share).

    Lan and DeMets' form of Pocock's boundary (Biometrika 1983). That of O'Brien and Fleming spends 0.0000074 of a one-sided
    0.025 at a quarter, and the smallest p of eight pairs is 1/256: the first of the looks 8, 16, 32 could reject nothing.
    """
    return level * math.log1p((math.e - 1) * min(1.0, share))


def can_reject(level: float, pairs: int, planned: int) -> bool:
    """Whether a two-sided test at `level` can reject at all at a first look of `pairs` of `planned` pairs."""
    patterns: int = 2**pairs
    return math.floor(spent(level / 2, pairs / planned) * patterns + 1e-9) >= 1


def check_looks(study: Study) -> None:
    """UserError where the looks do not fit the study."""
    looks, confirm = study.compare.looks, study.search.confirm
    seeds = len(study.compare.seeds or (confirm.seeds if confirm else ()))
    if not looks:
        return
    if study.compare.claim in ("tuned", *OF_SEARCH):
        raise _error(study, f"go with confirm seeds, and {study.compare.claim} counts none; take them out")
    if list(looks) != sorted(set(looks)):
        raise _error(study, f"must rise, found {list(looks)}")
    if looks[-1] != seeds:
        raise _error(
            study,
            f"the last look must be at all {seeds} of search.confirm.seeds, found {looks[-1]}; give as many seeds",
        )
    tests = max(1, family_size(study))
    if not can_reject(study.compare.alpha / tests, looks[0], looks[-1]):
        level = study.compare.alpha / tests
        first = next((pairs for pairs in range(1, 65) if can_reject(level, pairs, max(pairs, looks[-1]))), None)
        raise _error(
            study,
            f"the first look, at {looks[0]} of {looks[-1]} seeds, can find nothing at alpha {study.compare.alpha:g} "
            f"({tests} test{'' if tests == 1 else 's'}); "
            + ("raise compare.alpha" if first is None else f"look first at {first} or more"),
        )


def _error(study: Study, text: str) -> Exception:
    return study.sources.error(("compare", "looks"), f": {text}")
