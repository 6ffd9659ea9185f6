"""What a comparison lets one say, in sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pruning.catalogue import traits_of
from search.evidence.arm_summary import ArmSummary
from search.evidence.contrasts import Cell
from search.evidence.formats import interval_text, p_text, percent, points
from search.study.sections import CompareConfig


def cell_sentence(cell: Cell, settings: CompareConfig) -> str:
    """One cell's verdict: better by x [interval], equivalent within the margin, or not settled."""
    where = f"at {cell.level.text}"
    if cell.kind == "not comparable":
        return f"{cell.arm} and {cell.baseline} cannot be compared {where}: {cell.reason}."
    seeds = f"{len(cell.differences)} paired seed{'' if len(cell.differences) == 1 else 's'}"
    cost = cost_text(cell)
    if cell.kind in ("better", "worse"):
        first, second = (cell.arm, cell.baseline) if cell.kind == "better" else (cell.baseline, cell.arm)
        sign = 1 if cell.kind == "better" else -1
        interval = interval_text(_signed(cell.interval, sign))
        size = points(abs(cell.mean or 0.0), sign=False)
        small = " (less than the margin of interest)" if abs(cell.mean or 0.0) < settings.margin / 100 else ""
        return (
            f"{first} is better than {second} {where} by {size} points {interval}{small} "
            f"({seeds}, Holm-adjusted p = {p_text(cell.p_holm)}).{cost}"
        )
    if cell.kind == "equivalent":
        return (
            f"{cell.arm} and {cell.baseline} are equivalent {where} within {margin_text(settings)} "
            f"(difference {points(cell.mean)} points {interval_text(cell.interval)}, {seeds}, "
            f"Holm-adjusted p = {p_text(cell.p_equivalent_holm)}).{cost}"
        )
    return (
        f"Whether {cell.arm} or {cell.baseline} is better {where} is not settled: {cell.more_seeds} more "
        f"seed{'' if cell.more_seeds == 1 else 's'} would settle a difference of {margin_text(settings)}. So far "
        f"{cell.arm} is {_ahead(cell)} on average ({_bounds(cell)}, {seeds}, Holm-adjusted p = {p_text(cell.p_holm)}).{cost}"
    )


def exploratory_sentence(rows: Sequence[ArmSummary]) -> str:
    """What can be said without a confirm phase: which search went furthest, and that it claims nothing."""
    scored = [row for row in rows if row.best_accuracy is not None]
    cut = [row for row in scored if traits_of(row.method).ends_small]
    ranked = sorted(cut or scored, key=lambda row: -(row.best_accuracy or 0.0))
    if not ranked:
        return "Exploratory: no search trial has finished, so there is nothing to compare."
    first = ranked[0]
    text = f"Exploratory: the best searched configuration is {first.arm}'s ({percent(first.best_accuracy)} validation"
    if len(ranked) > 1:
        second = ranked[1]
        ahead = points((first.best_accuracy or 0.0) - (second.best_accuracy or 0.0), sign=False)
        text += f", {ahead} points ahead of {second.arm}'s"
    return f"{text}); these are winners' scores on single seeds, and without a confirm phase nothing is claimed."


def cost_text(cell: Cell) -> str:
    if cell.cost_ratio is None or abs(cell.cost_ratio - 1) < 0.02:
        return ""
    return f" {cell.arm} spent {cell.cost_ratio:.2f} times the training MACs of {cell.baseline} to get there."


def _ahead(cell: Cell) -> str:
    mean = cell.mean or 0.0
    return f"{points(abs(mean), sign=False)} points {'behind' if mean < 0 else 'ahead'}"


def _bounds(cell: Cell) -> str:
    if cell.interval is None or not math.isfinite(cell.interval[0]):
        return "too few seeds for an interval"
    return f"the difference's interval is {interval_text(cell.interval)}"


def margin_text(settings: CompareConfig) -> str:
    return f"{settings.margin:g} point{'' if settings.margin == 1 else 's'}"


def _signed(interval: tuple[float, float] | None, sign: int) -> tuple[float, float] | None:
    if interval is None or sign > 0:
        return interval
    return (-interval[1], -interval[0])
