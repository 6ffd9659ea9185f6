"""What a comparison lets one say, in sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pruning.catalogue import traits_of
from search.evidence.arm_summary import SINGLE, ArmSummary
from search.evidence.contrasts import Contrast
from search.evidence.formats import counted, interval_text, p_text, p_told, percent, plural, points, short
from search.evidence.paired.divergence import DivergenceContrast
from search.evidence.statistics import BOUND, POWER
from search.run.trials import RecordedTrial
from search.study.sections import CompareConfig

MORE = {
    "seed": "in a new run that states them; a run that grows, by `prunetune resume RUN --confirm-seeds N`, is read at any time "
    "and needs up to 2.3 times as many in all",
    "recipe": "in a new run that states them; a run that grows, by `prunetune resume RUN --trials-per-arm N`, is read at any "
    "time and needs up to 2.3 times as many in all",
    "search": "in a new run with as many `search.replicates` and other seeds throughout",
}
"""Where the power holds, and how a unit is added; the factor is simulated, see docs/evidence.md."""


def contrast_sentence(contrast: Contrast, settings: CompareConfig) -> str:
    """One contrast's verdict: better by x [interval], equivalent within the margin, or not settled."""
    if contrast.kind == "not comparable":
        where = f"at {contrast.level.text}"
        return f"{contrast.arm} and {contrast.baseline} cannot be compared {where}: {contrast.reason}."
    said = {"equivalent": _equivalent, "not settled": _not_settled}.get(contrast.kind, _better)(contrast, settings)
    return f"{said}{_before_pruning(contrast, settings)}.{cost_text(contrast)}"


def _better(contrast: Contrast, settings: CompareConfig) -> str:
    mean, (low, high) = contrast.mean or 0.0, contrast.interval or (-math.inf, math.inf)
    first, second = contrast.arm, contrast.baseline
    if contrast.kind == "worse":
        first, second, low, high = second, first, -high, -low
    small = " (less than the margin of interest)" if abs(mean) < settings.margin / 100 else ""
    wider = "; the interval, which is simultaneous, still holds zero" if low <= 0 <= high else ""
    return (
        f"{first} is better than {second}{_place(contrast)} by {points(abs(mean), sign=False)} points "
        f"{interval_text((low, high))}{small} {contrast.scope} "
        f"({_images(contrast)}{_tested(contrast, contrast.p_holm)}{wider}){_lost(contrast)}"
    )


def _equivalent(contrast: Contrast, settings: CompareConfig) -> str:
    margin, (low, high) = settings.margin / 100, contrast.interval or (-math.inf, math.inf)
    wider = "" if -margin < low and high < margin else "; the interval, which is simultaneous, reaches beyond it"
    return (
        f"{contrast.arm} and {contrast.baseline} are equivalent{_place(contrast)} within {margin_text(settings)} "
        f"{contrast.scope} (difference {points(contrast.mean)} points {interval_text(contrast.interval)}, "
        f"{_images(contrast)}{_tested(contrast, contrast.p_equivalent_holm)}{wider}){_lost(contrast)}"
    )


def _not_settled(contrast: Contrast, settings: CompareConfig) -> str:
    mean = contrast.mean or 0.0
    return (
        f"Whether {contrast.arm} or {contrast.baseline} is better{_place(contrast)} is not settled: "
        f"{_foretold(contrast, settings)}. So far {contrast.arm} is {points(abs(mean), sign=False)} points "
        f"{'behind' if mean < 0 else 'ahead'} on average {contrast.scope} "
        f"({_bounds(contrast)}, {_images(contrast)}{_tested(contrast, contrast.p_holm)}){_lost(contrast)}"
    )


def _foretold(contrast: Contrast, settings: CompareConfig) -> str:
    """How many more units it may take, as far as those there are can say."""
    units = plural(contrast.unit)
    if contrast.unit == "fold" and contrast.out_of_reach:
        return (
            f"{out_of_reach_text(contrast, settings)}, if the data had so many{_for_so_little(contrast, settings)}; more seeds "
            "in each change nothing of that"
        )
    if contrast.more_seeds is None:
        found = counted(len(contrast.differences), contrast.unit)
        return f"how many more {units} it takes cannot be told from {found}, only from four on"
    if contrast.more_seeds == 0:
        return (
            f"there are {units} enough to settle a difference of {margin_text(settings)}, or that there is none, with power "
            f"{POWER:g}, so the true one may lie between"
        )
    if contrast.unit == "fold":
        return (
            f"{more_seeds_text(contrast)} would settle a difference of {margin_text(settings)} with power {POWER:g} (the "
            f"larger number at an upper {100 * BOUND:g} % bound of their spread), if the data had so many; more seeds in each "
            f"lessen the part of the variance that seeds make{_of_seeds(contrast)}"
        )
    return (
        f"{more_seeds_text(contrast)} would settle a difference of {margin_text(settings)} with power {POWER:g} (the larger "
        f"number at an upper {100 * BOUND:g} % bound of their spread; {MORE[contrast.unit]})"
    )


def out_of_reach_text(contrast: Contrast, settings: CompareConfig) -> str:
    """`with 4 folds no difference can be settled at alpha 0.05, whatever the trials say (…); 7 folds could`."""
    found = counted(len(contrast.differences), contrast.unit)
    return (
        f"with {found} no difference can be settled at alpha {settings.alpha:g}, whatever the trials say (the smallest "
        f"Holm-adjusted p is {p_text(contrast.least_p)}); {counted(contrast.enough, contrast.unit)} could"
    )


def _for_so_little(contrast: Contrast, settings: CompareConfig) -> str:
    if not contrast.more_seeds:
        return ""
    return f", and one of {margin_text(settings)} takes {more_seeds_text(contrast)} with power {POWER:g}"


def _of_seeds(contrast: Contrast) -> str:
    """What of the variance between folds' differences comes from the seeds within them."""
    return "" if contrast.within_share is None else f", {100 * contrast.within_share:.0f} % here"


def more_seeds_text(contrast: Contrast) -> str:
    """`20 to 36 more seeds`, `up to 6 more seeds`; empty where none are foretold."""
    fewest, most = contrast.fewest_more_seeds, contrast.more_seeds
    if not most:
        return ""
    between = f"{fewest} to " if fewest and fewest < most else "" if fewest else "up to "
    return f"{between}{counted(most, f'more {contrast.unit}')}"


def foretold_text(contrast: Contrast, settings: CompareConfig) -> str:
    """What it takes to settle a contrast, in a table's cell; empty where nothing is foretold."""
    more = f"{more_seeds_text(contrast)} for {margin_text(settings)}" if contrast.more_seeds else ""
    if contrast.kind != "not settled" or not contrast.out_of_reach:
        return more
    least = f"{counted(len(contrast.differences), contrast.unit)} cannot settle any, {contrast.enough} could"
    return f"{least}; {more}" if more else least


def divergence_sentence(contrast: DivergenceContrast) -> str:
    """How often training diverged in two arms, and whether that is more than luck."""
    arm, baseline = contrast.arm, contrast.baseline
    count, other = contrast.diverged, contrast.baseline_diverged
    test = f"exact paired test over {counted(contrast.units, contrast.unit)}, Holm-adjusted {p_told(contrast.p_holm)}"
    if contrast.kind == "not settled":
        return (
            f"Of {counted(contrast.trials, 'trial')} each, {count} of {arm} and {other} of {baseline} diverged; "
            f"whether one does so more often is not settled ({test})."
        )
    if contrast.kind == "less often":
        arm, baseline, count, other = baseline, arm, other, count
    return f"{arm} diverges more often than {baseline}: {count} against {other} of {contrast.trials} trials ({test})."


WITHOUT_CONFIRMATION = "without a confirm phase nothing is claimed"


def exploratory_sentence(rows: Sequence[ArmSummary], why: str = WITHOUT_CONFIRMATION) -> str:
    """What can be said without confirm trials: which search went furthest, and `why` that claims nothing."""
    scored = [row for row in rows if row.best_accuracy is not None]
    cut = [row for row in scored if traits_of(row.method).ends_small]
    ranked = sorted(cut or scored, key=lambda row: -(row.best_accuracy or 0.0))
    if not ranked:
        return "Exploratory: no search trial has finished, so there is nothing to compare."
    first = ranked[0]
    single = all(row.basis == SINGLE for row in scored)
    what, told = "searched configuration", "winners' scores on single seeds"
    if single:
        what, told = "single trial", "one trial each"
    text = f"Exploratory: the best {what} is {first.arm}'s ({percent(first.best_accuracy)} validation"
    if len(ranked) > 1:
        second = ranked[1]
        ahead = points((first.best_accuracy or 0.0) - (second.best_accuracy or 0.0), sign=False)
        text += f", {ahead} points ahead of {second.arm}'s"
    return f"{text}); these are {told}, and {why}."


def chosen_sentence(best: RecordedTrial | None, criterion: str, why: str = WITHOUT_CONFIRMATION) -> str:
    """The same where it is not plain validation accuracy that chooses; None where nothing finished keeps to the constraints."""
    if best is None:
        return f"Exploratory: no search trial has finished that could be chosen by {criterion}, so nothing is claimed."
    return (
        f"Exploratory: by {criterion} the best searched configuration is {best.identity.arm}'s ({best.id}: "
        f"{percent(best.last.val_accuracy)} validation, {short(best.last.macs)} MACs, "
        f"{best.last.removed_percent:.1f} % removed); "
        f"these are winners' scores on single seeds, and {why}."
    )


def cost_text(contrast: Contrast) -> str:
    if contrast.cost_ratio is None or abs(contrast.cost_ratio - 1) < 0.02:
        return ""
    return (
        f" {contrast.arm} spent {contrast.cost_ratio:.2f} times the training MACs of {contrast.baseline} to get there."
    )


def _place(contrast: Contrast) -> str:
    """` at 60 % removed`; nothing where whole networks are compared."""
    level = contrast.level
    return "" if (level.axis, level.value) == ("removed_percent", 0) else f" at {level.text}"


def margin_text(settings: CompareConfig) -> str:
    return f"{settings.margin:g} point{'' if settings.margin == 1 else 's'}"


def _before_pruning(contrast: Contrast, settings: CompareConfig) -> str:
    """What was there before anything was pruned, where it is more than luck or as large as what would matter."""
    found = contrast.state0
    if found is None or found.p_value is None:
        return ""
    if found.p_value > settings.alpha and abs(found.difference) < settings.margin / 100:
        return ""
    leader, other, lost = contrast.arm, contrast.baseline, found.pruning_cost
    if found.difference < 0:
        leader, other, lost = other, leader, -lost
    ahead = {"better": contrast.arm, "worse": contrast.baseline}.get(contrast.kind)
    return (
        f"; {'but already ' if leader == ahead else ''}before anything was pruned {leader} led by "
        f"{points(abs(found.difference), sign=False)} points ({p_told(found.p_value)}), and since then {leader} lost "
        f"{points(abs(lost), sign=False)} points {'more' if lost >= 0 else 'less'} than {other} "
        f"({p_told(found.pruning_cost_p)})"
    )


def _images(contrast: Contrast) -> str:
    """How far the difference would move on other test images, beside the interval of the units; signed as the sentence is."""
    if contrast.images is None:
        return contrast.images_missing and f"no interval for other test images: {contrast.images_missing}, "
    low, high = contrast.images
    drawn = "with other test images in each fold" if contrast.unit == "fold" else "for other test images"
    return f"{drawn} {interval_text((-high, -low) if contrast.kind == 'worse' else (low, high))}, "


def _tested(contrast: Contrast, p_value: float | None) -> str:
    """`Holm-adjusted p = 0.016, at the look at 8 of 32 seeds`."""
    return f"Holm-adjusted {p_told(p_value)}{contrast.read and f', {contrast.read}'}"


def _lost(contrast: Contrast) -> str:
    if not contrast.lost:
        return ""
    return f" among the pairs that survived; {counted(contrast.lost, 'pair')} of trials lost to divergence"


def _bounds(contrast: Contrast) -> str:
    if contrast.interval is None or not math.isfinite(contrast.interval[0]):
        return f"too few {plural(contrast.unit)} for an interval"
    return f"the difference's interval is {interval_text(contrast.interval)}"
