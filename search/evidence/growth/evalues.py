"""E-values for sign symmetry: evidence that may be looked at after every pair, for studies that grow unplanned.

If differences are symmetric about delta, then for any rate, and whatever their sizes, the product over the pairs of
exp(rate * (d - delta)) / cosh(rate * (d - delta)) = 1 + tanh(rate * (d - delta)) is expected to stay at 1: a bet at fair odds
on each pair's sign. That it ever exceeds 1/alpha has a probability of at most alpha (Ville), however often one looks and for
whatever reason one stops. Koning, "Post-hoc and anytime valid inference for exchangeability and group invariance", arXiv
2310.01153; Ramdas et al., "Game-theoretic statistics and safe anytime-valid inference", arXiv 2210.01948.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.evidence.growth.inversion import HALVINGS, outermost_kept
from search.evidence.statistics import PairedTest

RATES = tuple(2.0**power for power in range(-3, 4))
"""Rates of betting, over the margin: the mixture's grid, fixed before any data. A true difference of c margins with a
deviation of s margins is found fastest at c/s^2, so it serves from deviations of a third of the margin to three margins."""

LogPath = Callable[[float], NDArray[np.float64]]


@dataclass(frozen=True)
class Evidence(PairedTest):
    """The e-process of paired differences, in the order in which the study names its seeds."""

    differences: NDArray[np.float64]
    rates: NDArray[np.float64]
    log_weight: float = 0.0
    """What is staked on this process of several, as a logarithm; see `evidence`."""

    def path(self, delta: float = 0.0) -> NDArray[np.float64]:
        """E after each pair against "symmetric about delta": half on "above", half on "below"."""
        path: NDArray[np.float64] = np.exp(self._log_two_sided(delta))
        return path

    def p_above(self, delta: float) -> float:
        """1 / the highest E so far against "the centre is at most delta"; valid at any time."""
        return _p_of(self._log_above(delta))

    def p_below(self, delta: float) -> float:
        """1 / the highest E so far against "the centre is at least delta"."""
        return _p_of(self._log_below(delta))

    def p_two_sided(self, delta: float = 0.0) -> float:
        return _p_of(self._log_two_sided(delta))

    def interval(self, alpha: float) -> tuple[float, float] | None:
        """The confidence sequence: outermost centres against which E has never reached 1/alpha.

        Endless where so few pairs cannot reach it; None where E has reached it against every centre, at one time or another.
        """
        low = self._one_sided_end(self._log_above, -1.0, alpha)
        high = self._one_sided_end(self._log_below, 1.0, alpha)
        if not math.isfinite(low):
            return (-math.inf, math.inf)
        middle = min(max(float(self.differences.mean()), low), high)
        lowest = outermost_kept(lambda delta: self._rejects(delta, alpha), low, middle, high)
        highest = outermost_kept(lambda delta: self._rejects(delta, alpha), high, middle, low)
        return None if lowest is None or highest is None or lowest > highest else (lowest, highest)

    def _one_sided_end(self, log_path: LogPath, sign: float, alpha: float) -> float:
        """The innermost centre that one half of the mixture rejects alone; there is no gap beyond it, E being monotone."""
        enough = math.log(2) - math.log(alpha)
        far = float((sign * self.differences).max()) + 20 / float(self.rates.min())
        if float(log_path(sign * far).max()) < enough:
            return sign * math.inf
        near = -far
        for _ in range(2 * HALVINGS):
            centre = (near + far) / 2
            near, far = (near, centre) if float(log_path(sign * centre).max()) >= enough else (centre, far)
        return sign * far

    def _rejects(self, delta: float, alpha: float) -> bool:
        return float(self._log_two_sided(delta).max()) >= -math.log(alpha)

    def _log_two_sided(self, delta: float) -> NDArray[np.float64]:
        both: NDArray[np.float64] = np.logaddexp(self._log_above(delta), self._log_below(delta)) - math.log(2)
        return both

    def _log_above(self, delta: float) -> NDArray[np.float64]:
        return self.log_weight + _log_mixture(np.outer(self.rates, self.differences - delta))

    def _log_below(self, delta: float) -> NDArray[np.float64]:
        return self.log_weight + _log_mixture(np.outer(self.rates, delta - self.differences))


def evidence(differences: Sequence[float], margin: float, *, restarts: int = 0) -> Evidence:
    """The e-process of `differences` in their order; `margin`, in the same unit, sets the rates.

    After `restarts`, which may each have brought other networks to compare, this is one of several processes, and claims of any
    of them are to be false at most at alpha together: process k stakes 1/((k+1)(k+2)), which sums to 1 over all k.

    Raises ValueError for differences that are not finite or a margin that is not above 0.
    """
    values = np.asarray(differences, dtype=np.float64)
    if values.ndim != 1 or len(values) == 0 or not np.isfinite(values).all():
        raise ValueError("e-values: need at least one pair, every difference finite")
    if margin <= 0:
        raise ValueError(f"margin must be above 0, found {margin}")
    staked = -math.log((restarts + 1) * (restarts + 2)) if restarts else 0.0
    return Evidence(values, np.asarray(RATES) / margin, staked)


def _log_mixture(bets: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log of the mean over the rates (rows) of the running products of 1 + tanh(bet)."""
    # 1 + tanh(x) = 2 / (1 + exp(-2x)), in the form that neither overflows nor loses digits.
    logs = np.cumsum(math.log(2) - np.logaddexp(0.0, -2 * bets), axis=1)
    mixture: NDArray[np.float64] = np.logaddexp.reduce(logs, axis=0) - math.log(len(bets))
    return mixture


def _p_of(log_path: NDArray[np.float64]) -> float:
    return min(1.0, math.exp(-float(log_path.max())))
