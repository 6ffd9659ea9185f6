"""A value's place in its distribution, as a share of the way through it, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

Numeric = FloatDistribution | IntDistribution
BELOW_ONE = float(np.nextafter(1.0, 0.0))


def place_in(distribution: BaseDistribution, share: float) -> Any:
    """The value that `share` (in [0, 1)) of a distribution's probability lies below."""
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[int(share * len(distribution.choices))]
    if not isinstance(distribution, Numeric):
        raise TypeError(f"no quasi-random value for {distribution}")
    low, high, step = float(distribution.low), float(distribution.high), distribution.step
    if distribution.log:
        # At an end of the range, e to the power of its logarithm may lie a rounding beyond it.
        value = min(high, max(low, float(np.exp(np.log(low) + share * (np.log(high) - np.log(low))))))
        return round(value) if isinstance(distribution, IntDistribution) else value
    if step is None:
        return low + share * (high - low)
    stepped = low + int(share * steps_of(low, high, step)) * step
    return int(stepped) if isinstance(distribution, IntDistribution) else stepped


def share_in(distribution: Numeric, value: float) -> float:
    """In [0, 1], what `place_in` makes this value of; the middle of a stepped value's part of the way."""
    low, high, step = float(distribution.low), float(distribution.high), distribution.step
    if distribution.log:
        return float((np.log(value) - np.log(low)) / (np.log(high) - np.log(low)))
    if step is None:
        return (value - low) / (high - low)
    return (round((value - low) / step) + 0.5) / steps_of(low, high, step)


def steps_of(low: float, high: float, step: float) -> int:
    """How many values a stepped range has."""
    return round((high - low) / step) + 1
