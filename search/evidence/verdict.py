"""What a comparison lets one say, in sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pruning.catalogue import traits_of
from search.evidence.arm_summary import ArmSummary
from search.evidence.contrasts import Contrast
from search.evidence.formats import interval_text, p_text, percent, points, short
from search.run.trials import RecordedTrial
from search.study.sections import CompareConfig


def contrast_sentence(contrast: Contrast, settings: CompareConfig) -> str:
    """One contrast's verdict: better by x [interval], equivalent within the margin, or not settled."""
    where = f"at {contrast.level.text}"
    if contrast.kind == "not comparable":
        return f"{contrast.arm} and {contrast.baseline} cannot be compared {where}: {contrast.reason}."
    seeds = f"{len(contrast.differences)} paired seed{'' if len(contrast.differences) == 1 else 's'}"
    cost, mean = cost_text(contrast), contrast.mean or 0.0
    size = points(abs(mean), sign=False)
    if contrast.kind in ("better", "worse"):
        first, second, (low, high) = contrast.arm, contrast.baseline, contrast.interval or (-math.inf, math.inf)
        if contrast.kind == "worse":
            first, second, low, high = second, first, -high, -low
        small = " (less than the margin of interest)" if abs(mean) < settings.margin / 100 else ""
        return (
            f"{first} is better than {second} {where} by {size} points {interval_text((low, high))}{small} "
            f"({seeds}, Holm-adjusted p = {p_text(contrast.p_holm)}).{cost}"
        )
    if contrast.kind == "equivalent":
        return (
            f"{contrast.arm} and {contrast.baseline} are equivalent {where} within {margin_text(settings)} "
            f"(difference {points(contrast.mean)} points {interval_text(contrast.interval)}, {seeds}, "
            f"Holm-adjusted p = {p_text(contrast.p_equivalent_holm)}).{cost}"
        )
    return (
        f"Whether {contrast.arm} or {contrast.baseline} is better {where} is not settled: {contrast.more_seeds} more "
        f"seed{'' if contrast.more_seeds == 1 else 's'} would settle a difference of {margin_text(settings)}. So far "
        f"{contrast.arm} is {size} points {'behind' if mean < 0 else 'ahead'} on average ({_bounds(contrast)}, {seeds}, "
        f"Holm-adjusted p = {p_text(contrast.p_holm)}).{cost}"
    )


def chosen_sentence(best: RecordedTrial | None, criterion: str) -> str:
    """The same where it is not plain validation accuracy that chooses; None where nothing finished keeps to the constraints."""
    if best is None:
        return f"Exploratory: no search trial has finished that could be chosen by {criterion}, so nothing is claimed."
    return (
        f"Exploratory: by {criterion} the best searched configuration is {best.identity.arm}'s ({best.id}: "
        f"{percent(best.last.val_accuracy)} validation, {short(best.last.macs)} MACs, "
        f"{best.last.removed_percent:.1f} % removed); "
        "these are winners' scores on single seeds, and without a confirm phase nothing is claimed."
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


def cost_text(contrast: Contrast) -> str:
    if contrast.cost_ratio is None or abs(contrast.cost_ratio - 1) < 0.02:
        return ""
    return (
        f" {contrast.arm} spent {contrast.cost_ratio:.2f} times the training MACs of {contrast.baseline} to get there."
    )


def _bounds(contrast: Contrast) -> str:
    if contrast.interval is None or not math.isfinite(contrast.interval[0]):
        return "too few seeds for an interval"
    return f"the difference's interval is {interval_text(contrast.interval)}"


def margin_text(settings: CompareConfig) -> str:
    return f"{settings.margin:g} point{'' if settings.margin == 1 else 's'}"
