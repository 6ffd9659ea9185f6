"""The course of a search: what each trial came to, and the best so far."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from statistics import fmean

from search.report.charts.chart import Axis, Chart, Panel, Ref, Series, arm_dots, arm_line
from search.report.charts.drawing import Plot
from search.report.charts.static import plot_of
from search.run.best import keeps_to, value_of
from search.run.results import RunResults
from search.run.trials import RecordedTrial

LABELS = {
    "val_accuracy": "validation accuracy, %",
    "val_loss": "validation loss",
    "macs": "MACs",
    "params": "parameters",
    "latency_ms": "latency, ms",
    "removed_percent": "removed, %",
}


def history_plot(results: RunResults) -> Plot | None:
    """By the study's first objective, as its seeds' mean; None where no arm has tried two configurations.

    A trial that breaks a constraint is a dot, and no best. What was stopped, or diverged, has no dot: its number is left out.
    """
    objective = results.study.search.objectives_by_choice[0]
    unit = 100.0 if objective.metric == "val_accuracy" else 1.0
    series: list[Series] = []
    described = []
    for index, arm in enumerate(results.arm_names):
        searched = sorted(results.searched(arm), key=lambda trial: (trial.identity.replicate, trial.identity.number))
        for replicate, of_search in groupby(searched, key=lambda trial: trial.identity.replicate):
            course = _course(results, list(of_search), unit)
            if len(course) < 2:
                continue
            entry = "" if any(one.group == arm for one in series) else arm
            series += _drawn(index, arm, entry, course, objective.direction == "max")
            best = _best(course, objective.direction == "max")
            if best:
                which = f"{arm}, search {replicate}" if results.study.search.replicates > 1 else arm
                described.append(f"{which}: {best[-1]:.4g} after {course[-1][0]}, {best[0]:.4g} at first")
    if not series:
        return None
    at = "" if objective.at is None else f" at {objective.at:g} % removed"
    panel = Panel(
        x=Axis(label="trial of the arm's search", whole=True),
        y=Axis(label=LABELS[objective.metric] + at),
        series=tuple(series),
    )
    words = f"Best {LABELS[objective.metric]}{at} so far, by trial of each arm's search. {'; '.join(described)}."
    return plot_of("search-history", words, Chart(panels=(panel,), height=3.6))


Tried = tuple[int, float | None, bool, Ref]
"""Number from 1, mean objective, whether it may be chosen, and the trial."""


def _course(results: RunResults, trials: Sequence[RecordedTrial], unit: float) -> list[Tried]:
    """One search's configurations in their order; one without a value has none of it."""
    search = results.study.search
    found: list[Tried] = []
    for number, group in groupby(trials, key=lambda trial: trial.identity.number):
        of_number = list(group)
        values = [value_of(one, search.objectives_by_choice[0]) if one.finished else None for one in of_number]
        known = [unit * value for value in values if value is not None]
        mean = fmean(known) if known and len(known) == len(values) else None
        allowed = mean is not None and keeps_to(of_number, search)
        found.append((number + 1, mean, allowed, (of_number[0].id, None)))
    return found


def _drawn(index: int, arm: str, entry: str, course: Sequence[Tried], rising: bool) -> list[Series]:
    there = [(number, value, ref) for number, value, _, ref in course if value is not None]
    dots = arm_dots(
        index, [number for number, _, _ in there], [value for _, value, _ in there], group=arm,
        refs=[ref for _, _, ref in there], opacity=0.55,
    )  # fmt: skip
    best = _best(course, rising)
    numbers = [number for number, _, _, _ in course][len(course) - len(best) :]
    line = arm_line(index, numbers, best, group=arm, entry=entry, marker=False, shape="steps", width=2.0)
    return [dots, line]


def _best(course: Sequence[Tried], rising: bool) -> list[float]:
    """The best so far, from the first trial on that has one."""
    found: list[float] = []
    for _, value, allowed, _ in course:
        if value is not None and allowed:
            found.append(value if not found else (max if rising else min)(found[-1], value))
        elif found:
            found.append(found[-1])
    return found
