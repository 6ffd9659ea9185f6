"""How often whole studies that may grow tell two arms apart that are one method, and how often they find a difference.

Run: python -m benchmarks.growing_runs [--studies 200] [--first 0] [--effect 1.5] [--rules fixed looks grown]
A hundred studies of one rule take a minute or two on one core. Each goes the product's own path, search, choice, confirm phase
and comparison, with accuracies drawn instead of trained (see `support/null_study.py`):

- `fixed`: eight confirm seeds, compared once;
- `looks`: `compare.looks: [8, 16, 32]`;
- `grown`: eight confirm seeds, compared; and while nothing is settled, eight more by `resume --confirm-seeds`, up to 88: eleven
  looks, the first by the test at a fixed number and the others at any time.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from pathlib import Path
from statistics import fmean
from typing import Literal, get_args

from benchmarks.support.null_study import Arms, confirmed_study
from benchmarks.support.simulation import Simulation
from search.evidence.comparison import Comparison, compare
from search.evidence.statistics import wilson_interval
from search.run.manifest import grown
from search.run.results import load_results

Rule = Literal["fixed", "looks", "grown"]
FIRST, MOST = 8, 88
STATED = [8, 16, 32]


def run_study(folder: Path, number: int, rule: Rule, arms: Arms, effect: float) -> Comparison:
    """Study `number`, judged by `rule`; `effect` is what the second arm is better by, in accuracy."""
    looks = STATED if rule == "looks" else None
    simulation = confirmed_study(folder, number, STATED[-1] if looks else FIRST, looks, arms, effect=effect).go()
    found = compare(load_results(simulation.run.path))
    while rule == "grown" and not found.settled and seeds_of(simulation) < MOST:
        simulation.study = grown(simulation.run, simulation.study, confirm_seeds=seeds_of(simulation) + FIRST)
        simulation.relaunch()
        found = compare(load_results(simulation.go().run.path))
    return found


def seeds_of(simulation: Simulation) -> int:
    confirm = simulation.study.search.confirm
    return len(confirm.seeds) if confirm else 0


def main() -> None:
    """Print a row for each rule."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="number of the first study, to spread them over processes")
    parser.add_argument("--rules", nargs="+", choices=get_args(Rule), default=get_args(Rule))
    parser.add_argument("--arms", choices=get_args(Arms), default="alike")
    parser.add_argument("--effect", type=float, default=0.0, help="points")
    options = parser.parse_args()
    print(
        f"{options.studies} studies a row, {options.arms} arms, alpha 0.05, one arm better by {options.effect:g} points"
    )
    print(f"{'rule':<8}{'told apart':>11}   {'95 % interval':<19}{'wrong way':>10}{'equivalent':>12}{'seeds':>8}")
    for rule in options.rules:
        _print_row(rule, options)


def _print_row(rule: Rule, options: argparse.Namespace) -> None:
    kinds: Counter[str] = Counter()
    seeds = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.first, options.first + options.studies):
            place = Path(folder) / str(number)
            place.mkdir()
            (contrast,) = run_study(place, number, rule, options.arms, options.effect / 100).primary
            kinds[contrast.kind] += 1
            seeds.append(len(contrast.differences))
    apart = kinds["better"] + kinds["worse"]
    low, high = wilson_interval(apart, options.studies)
    shares = [100 * count / options.studies for count in (apart, kinds["worse"], kinds["equivalent"])]
    interval = f"[{100 * low:.1f} %, {100 * high:.1f} %]"
    print(
        f"{rule:<8}{shares[0]:>9.1f} %   {interval:<19}{shares[1]:>8.1f} %{shares[2]:>10.1f} %{fmean(seeds):>8.1f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
