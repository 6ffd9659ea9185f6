"""How often a comparison over folds tells two arms apart that are equally good, and how often it finds a difference.

Run: python -m benchmarks.folds [--studies 300] [--folds 10] [--seeds 3] [--effect 0 2]
Each is a whole study through the product's own path (the grid, the records, the comparison) with accuracies drawn instead of
trained: two arms on the same folds and seeds, alpha 0.05. Of accuracy, folds have a deviation of 2 points that both arms share
and of 1 point that each has for itself, and the seeds of one arm on one fold one of 1 point.

The baseline is the same test on the same trials, as it is often done: every pair of runs counted as an independent value.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from pathlib import Path

from benchmarks.support.folds_study import run_folds_study
from search.evidence.comparison import compare
from search.evidence.paired.units import pairs_of
from search.evidence.statistics import subset_means, wilson_interval
from search.run.results import RunResults
from search.run.trials import RecordedTrial


def main() -> None:
    """Print two rows for each effect."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=300)
    parser.add_argument("--first", type=int, default=0, help="number of the first study, to spread them over processes")
    parser.add_argument("--folds", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--effect", type=float, nargs="+", default=[0.0, 2.0], help="points")
    options = parser.parse_args()
    print(f"{options.studies} studies a row, {options.folds} folds, {options.seeds} seeds in each, alpha 0.05")
    print(f"{'better by':<12}{'the unit':<22}{'told apart':>11}   {'95 % interval':<19}{'equivalent':>11}")
    for effect in options.effect:
        _print_rows(effect, options)


def _print_rows(effect: float, options: argparse.Namespace) -> None:
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.first, options.first + options.studies):
            place = Path(folder) / str(number)
            place.mkdir()
            results = run_folds_study(place, number, options.folds, options.seeds, effect=effect / 100)
            (contrast,) = compare(results).primary
            counts["fold"] += contrast.kind in ("better", "worse")
            counts["equivalent"] += contrast.kind == "equivalent"
            counts["run"] += p_of_runs(results) <= 0.05
    _print_row(effect, "fold (claim: folds)", counts["fold"], options.studies, counts["equivalent"])
    _print_row(effect, "run, as independent", counts["run"], options.studies, None)


def p_of_runs(results: RunResults) -> float:
    """Sign flips of all pairs of runs, as if no two had a fold in common."""
    pairs = pairs_of(results, "second", "first")
    return subset_means([_accuracy(pair.ours) - _accuracy(pair.theirs) for pair in pairs]).p_two_sided()


def _accuracy(trial: RecordedTrial) -> float:
    value = trial.last.test_accuracy
    assert value is not None, "every simulated state has one"
    return value


def _print_row(effect: float, unit: str, apart: int, studies: int, equivalent: int | None) -> None:
    low, high = wilson_interval(apart, studies)
    interval = f"[{100 * low:.1f} %, {100 * high:.1f} %]"
    said = "–" if equivalent is None else f"{100 * equivalent / studies:.1f} %"
    print(f"{effect:<12g}{unit:<22}{100 * apart / studies:>9.1f} %   {interval:<19}{said:>11}", flush=True)


if __name__ == "__main__":
    main()
