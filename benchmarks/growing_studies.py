"""How often a study that may grow claims a difference: where there is none, and where one was planted.

Run: python -m benchmarks.growing_studies [--repeats 1024] [--deviation 1.0] [--difference 0.75]
Takes about four minutes. Each study's paired differences are drawn from a normal distribution, in margins of interest, and
judged by the program's own tests at alpha 0.05:

- `fixed`: the sign-flip test once, at 8 and at 32 seeds;
- `again`: the same test at each of eleven looks (8, 16, ... 88), stopping at the first that claims: what must not be done;
- `looks`: sign flips at the stated looks 8, 16, 32;
- `any time`: e-values, looked at after every seed up to 88;
- `fixed, then any time`: the fixed test at 8 seeds, and only if it claims nothing the e-values from there on.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from search.evidence.growth.evalues import evidence
from search.evidence.growth.sequential import sequential_flips
from search.evidence.statistics import DRAWN_PATTERNS, EXACT_PAIRS, subset_means

ALPHA = 0.05
MARGIN = 1.0
STATED = (8, 16, 32)
ELEVEN = tuple(range(8, 89, 8))
Differences = NDArray[np.float64]


@dataclass(frozen=True)
class Ended:
    """Whether a study claimed a difference, and the seeds it had by then (all it may have where it claimed none)."""

    claimed: bool
    seeds: int


def fixed(differences: Differences, seeds: int) -> Ended:
    return Ended(fixed_p(differences[:seeds]) <= ALPHA, seeds)


def looked_at_again(differences: Differences, looks: tuple[int, ...] = ELEVEN) -> Ended:
    """Today's rule where nothing was stated: the fixed test at each look, until it claims."""
    return next((Ended(True, n) for n in looks if fixed(differences, n).claimed), Ended(False, looks[-1]))


def at_stated_looks(differences: Differences, looks: tuple[int, ...] = STATED) -> Ended:
    for count, seeds in enumerate(looks, start=1):
        test = sequential_flips(differences[:seeds].tolist(), looks[:count], looks[-1], levels=[ALPHA / 2])
        if test.rejects(ALPHA) and test.p_two_sided() <= ALPHA:
            return Ended(True, seeds)
    return Ended(False, looks[-1])


def at_any_time(differences: Differences, most: int = ELEVEN[-1]) -> Ended:
    """Looked at after every seed."""
    enough = np.nonzero(evidence(differences[:most].tolist(), MARGIN).path() >= 1 / ALPHA)[0]
    return Ended(True, int(enough[0]) + 1) if len(enough) else Ended(False, most)


def fixed_then_any_time(differences: Differences, planned: int = STATED[0]) -> Ended:
    first = fixed(differences, planned)
    return first if first.claimed else at_any_time(differences)


def fixed_p(values: Differences) -> float:
    """`subset_means(values).p_two_sided()`; beyond EXACT_PAIRS without sorting, which nothing here needs."""
    if len(values) <= EXACT_PAIRS:
        return subset_means(values.tolist()).p_two_sided()
    flipped = _drawn(len(values))
    sums = flipped @ values
    tolerance = 1e-12 * max(1.0, float(np.abs(values).max())) * len(values)
    above, below = int((sums <= tolerance).sum()), int((sums >= -tolerance).sum())
    return min(1.0, 2 * (1 + min(above, below)) / (len(flipped) + 1))


@lru_cache(maxsize=16)
def _drawn(pairs: int) -> Differences:
    drawn = np.random.default_rng(0).integers(0, 2, size=(DRAWN_PATTERNS, pairs)).astype(np.float64)
    flipping: Differences = drawn[drawn.sum(axis=1) > 0]
    return flipping


RULES: dict[str, Callable[[Differences], Ended]] = {
    "fixed, 8": lambda differences: fixed(differences, 8),
    "fixed, 32": lambda differences: fixed(differences, 32),
    "again": looked_at_again,
    "looks": at_stated_looks,
    "any time": at_any_time,
    "fixed, then any time": fixed_then_any_time,
}


def studies(repeats: int, difference: float, deviation: float, seed: int = 0) -> Differences:
    """A row of paired differences for each study, as many as any rule looks at.

    Without a difference the signs of the first eight go through all 256 patterns in turn, which are equally likely: the test
    at eight seeds then claims nearly as often as it does exactly, 12 times in 256, and luck there does not blur the rest.
    """
    random = np.random.default_rng(seed)
    values: Differences = random.normal(difference, deviation, (repeats, ELEVEN[-1]))
    if difference == 0:
        patterns = np.array(list(product((1.0, -1.0), repeat=STATED[0])))
        values[:, : STATED[0]] = np.abs(values[:, : STATED[0]]) * patterns[np.arange(repeats) % len(patterns)]
    return values


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=1024)
    parser.add_argument("--deviation", type=float, default=1.0, help="of the paired differences, in margins")
    parser.add_argument("--difference", type=float, default=0.75, help="the planted one, in margins")
    options = parser.parse_args()
    print(
        f"{options.repeats} studies each; differences with a deviation of {options.deviation:g} margins; alpha {ALPHA:g}"
    )
    print(f"rule                  false claims   seeds   claims of {options.difference:g} margins   seeds")
    for name, rule in RULES.items():
        cells = []
        for difference in (0.0, options.difference):
            ended = [rule(row) for row in studies(options.repeats, difference, options.deviation)]
            cells += [100 * fmean(one.claimed for one in ended), fmean(one.seeds for one in ended)]
        print(
            f"{name:<20}  {cells[0]:>10.1f} %   {cells[1]:>5.1f}   {cells[2]:>18.1f} %   {cells[3]:>5.1f}", flush=True
        )


if __name__ == "__main__":
    main()
