"""How often a verdict tells two arms apart that are the same method, and how often it finds a difference that is there.

Run: python -m benchmarks.claims [--studies 200] [--units 8] [--claims pooled tuned] [--keys shared own] [--effect 1.5]
A thousand studies of one kind take about 20 minutes on one core. Each is a whole study through the product's own path (TPE, the
choice by validation, the confirm phase, the comparison) with accuracies drawn instead of trained: two arms, six configurations
each, `units` confirm seeds, searches or recipes, alpha 0.05. `identical` arms are one method under two names, `alike` ones two
methods that are equally good. `--effect` is what one arm is better by, in points.

The baseline is `configurations`, on the same studies: what was claimed before a claim had a name.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from pathlib import Path
from typing import get_args

from benchmarks.support.null_study import Arms, Keys, run_null_study
from search.evidence.statistics import wilson_interval
from search.study.sections import Claim

ALPHA = 0.05


def main() -> None:
    """Print a row for each claim and kind of searched keys."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="number of the first study, to spread them over processes")
    parser.add_argument("--units", type=int, default=8)
    parser.add_argument("--claims", nargs="+", choices=get_args(Claim), default=get_args(Claim))
    parser.add_argument("--keys", nargs="+", choices=get_args(Keys), default=["shared", "own"])
    parser.add_argument("--arms", choices=get_args(Arms), default="identical")
    parser.add_argument("--effect", type=float, default=0.0, help="points")
    options = parser.parse_args()
    print(
        f"{options.studies} studies a row, {options.arms} arms, alpha {ALPHA}, one arm better by {options.effect:g} points"
    )
    print(f"{'claim':<15}{'searched':<10}{'told apart':>11}   {'95 % interval':<19}{'wrong way':>10}{'equivalent':>12}")
    for keys in options.keys:
        for claim in dict.fromkeys(["configurations", *options.claims]):
            _print_row(claim, keys, options)


def _print_row(claim: Claim, keys: Keys, options: argparse.Namespace) -> None:
    kinds: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.first, options.first + options.studies):
            place = Path(folder) / str(number)
            place.mkdir()
            compared = run_null_study(
                place, number, claim, keys, options.arms, effect=options.effect / 100, units=options.units
            )
            kinds[compared.primary[0].kind] += 1
    apart = kinds["better"] + kinds["worse"]
    low, high = wilson_interval(apart, options.studies)
    of_methods = claim in ("tuned", "average") or (claim == "pooled" and keys != "own")
    spoken = "" if of_methods else "   (does not speak of methods)"
    print(
        f"{claim:<15}{keys:<10}{100 * apart / options.studies:>9.1f} %   [{100 * low:.1f} %, {100 * high:.1f} %]{'':<5}"
        f"{100 * kinds['worse'] / options.studies:>8.1f} %{100 * kinds['equivalent'] / options.studies:>10.1f} %{spoken}",
        flush=True,
    )


if __name__ == "__main__":
    main()
