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
from typing import get_args

from benchmarks.support.null_rows import HEADING, contrasts, figures, introduction, study_options
from benchmarks.support.null_study import Keys, run_null_study
from search.study.sections import Claim

CLAIMS = tuple(claim for claim in get_args(Claim) if claim != "folds")
"""Those that choose, or draw, configurations; over folds nothing is searched: `benchmarks.folds`."""


def main() -> None:
    """Print a row for each claim and kind of searched keys."""
    parser = study_options(__doc__, "identical")
    parser.add_argument("--units", type=int, default=8)
    parser.add_argument("--claims", nargs="+", choices=CLAIMS, default=CLAIMS)
    parser.add_argument("--keys", nargs="+", choices=get_args(Keys), default=["shared", "own"])
    options = parser.parse_args()
    print(introduction(options))
    print(f"{'claim':<15}{'searched':<10}{HEADING}")
    for keys in options.keys:
        for claim in dict.fromkeys(["configurations", *options.claims]):
            _print_row(claim, keys, options)


def _print_row(claim: Claim, keys: Keys, options: argparse.Namespace) -> None:
    effect, units = options.effect / 100, options.units
    found = contrasts(
        options,
        lambda place, number: run_null_study(place, number, claim, keys, options.arms, effect=effect, units=units),
    )
    of_methods = claim in ("tuned", "average") or (claim == "pooled" and keys != "own")
    spoken = "" if of_methods else "   (does not speak of methods)"
    print(f"{claim:<15}{keys:<10}{figures(found)}{spoken}", flush=True)


if __name__ == "__main__":
    main()
