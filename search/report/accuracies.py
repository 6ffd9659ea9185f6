"""What an arm's trials came to, in the cells of a table: chosen and confirmed, or over the folds of a data set."""

from __future__ import annotations

from search.evidence.arm_summary import SINGLE, ArmSummary
from search.evidence.comparison import Comparison
from search.evidence.formats import percent

DEVIATIONS_TEXT = (
    "Standard deviations are over all runs that finished (folds times seeds), which are no independent samples, and over the "
    "folds' means; papers report either. A fold counts for an arm that came through every seed of it, and for a difference "
    "where both arms did."
)


def accuracy_heading(comparison: Comparison) -> list[str]:
    """Over `accuracy_cells`."""
    metric = "test" if comparison.settings.metric == "test_accuracy" else "validation"
    if over_folds(comparison):
        return [f"{metric}, mean ± s.d. of runs", f"{metric}, mean ± s.d. of folds"]
    best = SINGLE if all(row.basis == SINGLE for row in comparison.rows) else "search's best"
    return [best, f"confirmed {metric}"]


def over_folds(comparison: Comparison) -> bool:
    """Whether accuracies are told as folds' are: nothing was chosen, so that there is no search's best."""
    return comparison.settings.claim == "folds"


def accuracy_cells(row: ArmSummary, comparison: Comparison) -> list[str]:
    """The best of the search and the mean of what was confirmed; over folds the means of runs and of folds."""
    found = row.confirmed
    if not over_folds(comparison):
        return [percent(row.best_accuracy), _confirmed_text(row)]
    if found is None:
        return ["–", "–"]
    of_folds = _with_deviation(found.mean, found.deviation) + (
        f" ({found.diverged} diverged)" if found.diverged else ""
    )
    return [_with_deviation(found.runs_mean, found.runs_deviation), of_folds]


def _with_deviation(mean: float | None, deviation: float | None) -> str:
    """`72.31 % ± 1.40`, as papers report it."""
    return percent(mean) + ("" if deviation is None else f" ± {100 * deviation:.2f}")


def _confirmed_text(row: ArmSummary) -> str:
    if row.confirmed is None:
        return "–"
    text = percent(row.confirmed.mean) + percents(row.confirmed.interval)
    if row.confirmed.diverged:
        text += f" ({row.confirmed.diverged} diverged)"
    return text


def percents(interval: tuple[float, float] | None) -> str:
    """` [68.20, 71.45]` of accuracies; nothing where there is no interval."""
    return f" [{100 * interval[0]:.2f}, {100 * interval[1]:.2f}]" if interval else ""
