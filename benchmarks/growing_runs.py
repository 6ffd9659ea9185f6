"""How often whole studies that may grow tell two arms apart that are one method, and how often they find a difference.

Run: python -m benchmarks.growing_runs [--studies 200] [--first 0] [--effect 1.5] [--rules fixed looks grown]
A hundred studies of one rule take two minutes on one core. Each goes the product's own path, search, choice, confirm phase
and comparison, with accuracies drawn instead of trained (see `support/null_study.py`):

- `fixed`: eight confirm seeds, compared once;
- `looks`: `compare.looks: [8, 16, 32]`;
- `grown`: eight confirm seeds, compared; and while nothing is settled, eight more by `resume --confirm-seeds`, up to 88: eleven
  looks, the first by the test at a fixed number and the others at any time.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import fmean
from typing import Literal, get_args

from benchmarks.support.null_rows import HEADING, contrasts, figures, introduction, study_options
from benchmarks.support.null_study import Arms, confirmed_study
from benchmarks.support.simulation import Simulation
from search.evidence.comparison import Comparison, compare
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
    parser = study_options(__doc__, "alike")
    parser.add_argument("--rules", nargs="+", choices=get_args(Rule), default=get_args(Rule))
    options = parser.parse_args()
    print(introduction(options))
    print(f"{'rule':<8}{HEADING}{'seeds':>8}")
    for rule in options.rules:
        _print_row(rule, options)


def _print_row(rule: Rule, options: argparse.Namespace) -> None:
    effect = options.effect / 100
    found = contrasts(options, lambda place, number: run_study(place, number, rule, options.arms, effect))
    seeds = fmean(len(contrast.differences) for contrast in found)
    print(f"{rule:<8}{figures(found)}{seeds:>8.1f}", flush=True)


if __name__ == "__main__":
    main()
