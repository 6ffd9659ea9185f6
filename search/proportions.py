"""Accuracy on a fixed test split: its interval, and whether two networks err on different images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


def wilson_interval(right: int, total: int, alpha: float = 0.05) -> tuple[float, float]:
    """Wilson's score interval of a proportion (JASA 1927): `right` of `total` images, both ends in [0, 1]."""
    from scipy import stats

    if total < 1 or not 0 <= right <= total:
        raise ValueError(f"wilson interval: {right} right of {total} images")
    z = float(stats.norm.ppf(1 - alpha / 2))
    share = right / total
    scale = 1 + z * z / total
    centre = (share + z * z / (2 * total)) / scale
    half = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total)) / scale
    return (max(0.0, centre - half), min(1.0, centre + half))


@dataclass(frozen=True)
class McNemar:
    """Images that only the first, and only the second network gets right, and the exact two-sided p-value."""

    only_first: int
    only_second: int
    p_value: float


def mcnemar(first_right: Sequence[bool], second_right: Sequence[bool]) -> McNemar:
    """McNemar's exact (binomial) test on the same images in the same order (Psychometrika 1947).

    It speaks of these two networks, not of the methods that made them: another seed gives other networks.
    """
    from scipy import stats

    if len(first_right) != len(second_right):
        raise ValueError(f"mcnemar: {len(first_right)} images against {len(second_right)}")
    pairs = list(zip(first_right, second_right, strict=True))
    only_first = sum(1 for first, second in pairs if first and not second)
    only_second = sum(1 for first, second in pairs if second and not first)
    differing = only_first + only_second
    p_value = 1.0 if differing == 0 else float(stats.binomtest(only_first, differing, 0.5).pvalue)
    return McNemar(only_first, only_second, p_value)
