"""The family of tests that a study states: which arms are compared with which, and whether its seeds can settle one."""

from __future__ import annotations

import math

from search.study.claims import UNIT_WORDS, units_asked
from search.study.study import Study


def baseline_of(study: Study) -> str:
    """The arm that the others are compared with: `compare.baseline`, else the first whose networks get smaller."""
    smaller = [name for name, arm in study.arms.items() if arm.traits.ends_small]
    return study.compare.baseline or (smaller or list(study.arms))[0]


def family_size(study: Study) -> int:
    """Arms compared with the baseline, times the levels they are compared at. `dense` and `imp` are rows, not tests."""
    baseline = baseline_of(study)
    others = [name for name, arm in study.arms.items() if arm.traits.ends_small and name != baseline]
    return len(others) * max(1, len(study.compare.at))


def family_warnings(study: Study) -> list[str]:
    """One where Holm's correction lets no test of the family reach `alpha` whatever the confirm trials say.

    The smallest two-sided p of n units is 2/2^n, and Holm's first step multiplies it by the number of tests.
    """
    tests, alpha = family_size(study), study.compare.alpha
    units, key = units_asked(study)
    if units == 0 or tests == 0:
        return []
    smallest = tests * 2.0 ** (1 - units)
    if smallest <= alpha * (1 + 1e-9):
        return []
    enough = math.ceil(1 + math.log2(tests / alpha) - 1e-9)
    family = "a difference" if tests == 1 else f"any of {tests} differences"
    smallest_text = (
        f"{smallest:.3g}" if tests == 1 else f"{tests} x {2.0 ** (1 - units):.3g} = {smallest:.3g} after Holm"
    )
    return [
        f"{key}: {units} {UNIT_WORDS[key]} cannot settle {family} at alpha {alpha:g}, whatever the trials say "
        f"(the smallest p is {smallest_text}); {enough} can"
    ]
