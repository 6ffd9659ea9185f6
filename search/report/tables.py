"""The report's tables and sentences as rows of text, for the page and for the terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean

from models.units.structure import counted
from search.evidence.arm_summary import ArmSummary
from search.evidence.comparison import Comparison
from search.evidence.contrasts import AtState0, Contrast
from search.evidence.equal_cost import ArmAtCost
from search.evidence.final_test import FinalTest, NothingChosen
from search.evidence.formats import interval_text, number, p_text, percent, plural, points, short
from search.evidence.paired.scope import trials_word, unit_word
from search.evidence.verdict import foretold_text
from search.evidence.winner import winner_text
from search.report.accuracies import DEVIATIONS_TEXT, accuracy_cells, accuracy_heading, over_folds, percents
from search.report.table import Table
from search.run.curves import mean_or_none
from search.run.results import RunResults
from search.run.trials import RecordedTrial

REMOVED_TEXT = "Removed is of the parameters of the target's units, and of all parameters."


def arm_table(comparison: Comparison) -> Table:
    """A row per arm: what its trials came to, and what its networks cost."""
    units = plural(unit_word(comparison.settings.claim))
    heading = [
        "arm", "trials", *accuracy_heading(comparison), units, "removed %", "of all %", "parameters", "MACs",
        "of dense", "training MACs", "seconds",
    ]  # fmt: skip
    return Table(
        heading, [_arm_row(row, accuracy_cells(row, comparison)) for row in comparison.rows], _basis_text(comparison)
    )


def winner_lines(comparison: Comparison) -> list[str]:
    """`rsst chose train.lr 9.4e-4, prune.rsst.shrink 0.046 (rsst-001)`, or `rsst has so far …`, for each arm that searched; of
    several searches a line each, the arms' names as wide as the widest."""
    rows = [row for row in comparison.rows if row.winners]
    width = max((len(row.arm) for row in rows), default=0)
    several = any(len(row.winners) > 1 for row in rows)
    return [
        f"{row.arm:<{width}} {'has so far' if one.so_far else 'chose'} {winner_text(one)}"
        + (f" in search {one.search}" if several else "")
        for row in rows
        for one in row.winners
    ]


def side_by_side_table(comparisons: Mapping[str, Comparison]) -> Table:
    """A row for every arm of every run, by the run's name; headed as the first run's own table is."""
    shown = {name: arm_table(comparison) for name, comparison in comparisons.items()}
    heading = ["run", *next(iter(shown.values())).heading]
    return Table(heading, [[name, *row] for name, table in shown.items() for row in table.rows])


def _arm_row(row: ArmSummary, accuracies: Sequence[str]) -> list[str]:
    return [
        row.arm,
        _counts_text(row),
        *accuracies,
        str(len(row.confirmed.by_seed)) if row.confirmed else "–",
        number(row.removed_percent, "{:.1f}"),
        number(row.removed_of_all_percent, "{:.1f}"),
        number(row.params, "{:,.0f}"),
        short(row.macs),
        number(None if row.macs_share is None else 100 * row.macs_share, "{:.1f} %"),
        short(row.training_macs),
        number(row.seconds, "{:,.1f}"),
    ]


def _counts_text(row: ArmSummary) -> str:
    """`6 (2 stopped, 1 diverged)`: every search trial is counted, whatever became of it."""
    total = sum(row.counts.values())
    others = [f"{count} {status}" for status, count in sorted(row.counts.items()) if status != "finished"]
    return f"{total} ({', '.join(others)})" if others else str(total)


def _basis_text(comparison: Comparison) -> str:
    found = {row.basis for row in comparison.rows}
    told = f"{DEVIATIONS_TEXT} " if over_folds(comparison) else ""
    told = f"{told}{REMOVED_TEXT} {cost_sentence(comparison)}".strip()
    if len(found) == 1:
        return f"Sizes and costs are those of each arm's {found.pop()}, as means. {told}"
    each = "; ".join(f"{row.arm}: {row.basis}" for row in comparison.rows)
    return f"Sizes and costs are means over: {each}. {told}"


def cost_sentence(comparison: Comparison) -> str:
    """What the run really cost, where that is less than its trials' own costs together; else nothing."""
    done = comparison.training
    if done.epochs_taken_over == 0:
        return ""
    return f"A trial's cost is as if it had trained alone; in all the run {done.text()}."


def final_test_sentence(test: FinalTest | NothingChosen) -> str:
    """The one look at the test split, for the network that was chosen on validation."""
    if isinstance(test, NothingChosen):
        return f"No network was chosen, so the test split was not looked at: {test.reason}."
    images = f"{percents(test.interval)} on {test.images} images" if test.interval else ""
    if test.accuracy is None:
        return f"No test split (data.test_fraction: 0): {test.id} was chosen {test.choice.text}, and nothing else judged it."
    return f"Test accuracy of {test.id}, chosen {test.choice.text}: {percent(test.accuracy)}{images}."


def difference_table(comparison: Comparison) -> Table | None:
    """Every contrast of the primary family and of what was looked at beside it; None where there is none."""
    heading = [
        "arm", "at", "family", "points", "interval", "other test images", "pairs", "p", "Holm p", "equivalence p",
        "at state 0, points", "more lost since, points", "training MACs", "so",
    ]  # fmt: skip
    rows = [_difference_row(comparison, contrast, "primary") for contrast in comparison.primary]
    rows += [_difference_row(comparison, contrast, "exploratory") for contrast in comparison.secondary]
    metric = comparison.settings.metric.replace("_", " ")
    level = f"{100 * (1 - comparison.settings.alpha):g} %"
    caption = (
        f"Differences in {metric} to {comparison.baseline}{_unless_named(comparison)}, paired by "
        f"{unit_word(comparison.settings.claim)}; intervals hold at {level} for all "
        "of a family together; what was there at state 0 stands with its own p"
    )
    return Table(heading, rows, caption, (1, 2, 13)) if rows else None


def _unless_named(comparison: Comparison) -> str:
    return " or whom an arm is said to be against" if comparison.settings.against else ""


def _difference_row(comparison: Comparison, contrast: Contrast, family: str) -> list[str]:
    return [
        comparison.named(contrast.arm, contrast.baseline),
        contrast.level.text,
        family,
        points(contrast.mean),
        _interval_cell(contrast.interval, contrast.unit),
        f"none: {contrast.images_missing}" if contrast.images_missing else _interval_cell(contrast.images),
        f"{len(contrast.differences)}" + (f" ({contrast.lost} lost)" if contrast.lost else ""),
        p_text(contrast.p_value),
        p_text(contrast.p_holm),
        p_text(contrast.p_equivalent_holm),
        *_state0_cells(contrast.state0),
        number(contrast.cost_ratio, "× {:.2f}"),
        contrast.reason or ": ".join(filter(None, (contrast.kind, foretold_text(contrast, comparison.settings)))),
    ]


def _state0_cells(state0: AtState0 | None) -> list[str]:
    """The difference before anything was pruned, and how much more the arm lost since, each with its p."""
    if state0 is None:
        return ["–", "–"]
    found = ((state0.difference, state0.p_value), (state0.pruning_cost, state0.pruning_cost_p))
    return [points(value) + ("" if p_value is None else f" (p {p_text(p_value)})") for value, p_value in found]


def _opponent(comparison: Comparison) -> str:
    return "the other" if comparison.settings.against else comparison.baseline


def divergence_table(comparison: Comparison) -> Table | None:
    """How often training diverged; None where it never did."""
    trials = plural(trials_word(comparison.settings.claim))
    heading = ["arm", trials, "diverged", f"of {_opponent(comparison)}", "p", "Holm p", "so"]
    rows = [
        [comparison.named(one.arm, one.baseline), str(one.trials), str(one.diverged), str(one.baseline_diverged),
         p_text(one.p_value), p_text(one.p_holm), one.kind]
        for one in comparison.divergence if one.any
    ]  # fmt: skip
    return (
        Table(heading, rows, "How often training diverged; the differences are of what survived", (6,))
        if rows
        else None
    )


def _interval_cell(interval: tuple[float, float] | None, unit: str = "seed") -> str:
    """An interval in a table's narrow column."""
    if interval is None:
        return "–"
    return interval_text(interval) if math.isfinite(interval[0]) else f"too few {plural(unit)}"


def equal_cost_table(comparison: Comparison) -> Table | None:
    """The arms at equal training cost; None where no two arms have a cost in common."""
    heading = [
        "arm", "training MACs", "validation", "removed %", "MACs left", f"{_opponent(comparison)} validation", "removed %",
        "MACs left", "difference, points", "interval", "at state 0, points", "more lost since, points",
    ]  # fmt: skip
    rows = [
        [comparison.named(row.arm, row.baseline), short(row.training_macs), *_arm_cells(row.ours), *_arm_cells(row.theirs),
         points(row.difference), _interval_cell(row.interval), *_state0_cells(row.state0)]
        for row in comparison.equal_cost if row.reason is None
    ]  # fmt: skip
    caption = "Exploratory: validation accuracy at equal training cost, sizes left as they are"
    return Table(heading, rows, caption) if rows else None


def _arm_cells(arm: ArmAtCost | None) -> list[str]:
    if arm is None:
        return ["–", "–", "–"]
    return [percent(arm.val_accuracy), f"{arm.removed_percent:.1f}", f"{100 * arm.macs_share:.1f} %"]


def state_tables(results: RunResults) -> list[Table]:
    """Each state's means over the trials that stand for an arm, or for a recipe of it where these have different schedules."""
    return [_state_table(name, trials) for arm in results.arm_names for name, trials in results.by_recipe(arm).items()]


def _state_table(arm: str, trials: Sequence[RecordedTrial]) -> Table:
    heading = [
        "state", "validation", "removed %", "of all %", "parameters", "MACs", "of dense", "kept", "training MACs", "seconds",
    ]  # fmt: skip
    rows = []
    for ends in zip(*[trial.states for trial in trials], strict=False):
        macs = fmean(end.macs for end in ends)
        kept = {kind: fmean(end.kept[kind] for end in ends) for kind in ends[0].kept}
        of_all = [trial.removed_of_all_percent(end) for trial, end in zip(trials, ends, strict=True)]
        rows.append(
            [
                str(ends[0].state),
                percent(fmean(end.val_accuracy for end in ends)),
                f"{fmean(end.removed_percent for end in ends):.1f}",
                number(mean_or_none(of_all), "{:.1f}"),
                f"{fmean(end.params for end in ends):,.0f}",
                short(macs),
                f"{100 * macs / trials[0].dense_macs:.1f} %",
                counted(kept),
                short(fmean(end.training_macs for end in ends)),
                f"{fmean(end.seconds for end in ends):,.1f}",
            ]
        )
    word = "confirm trial" if trials[0].identity.phase == "confirm" else "trial"
    basis = f"mean of {len(trials)} {word}s" if len(trials) > 1 else trials[0].id
    return Table(heading, rows, f"{arm}: {basis}")
