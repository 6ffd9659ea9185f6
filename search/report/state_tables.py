"""Each arm state by state, and what RSST's removals did."""

from __future__ import annotations

from collections.abc import Iterator

from search.evidence.formats import short
from search.report import html
from search.report.curve_plots import shown_trials
from search.run.results import RunResults, arm_names
from search.run.trials import dense_macs, states_of


def state_tables(results: RunResults) -> Iterator[str]:
    """Per arm, each state's means over the trials that stand for the arm."""
    for arm in arm_names(results):
        views = shown_trials(results, arm)
        if not views:
            continue
        rows = [
            ["state", "validation", "removed %", "parameters", "MACs", "of dense", "kept", "training MACs", "seconds"]
        ]
        for index in range(min(len(states_of(view)) for view in views)):
            ends = [states_of(view)[index] for view in views]
            count = len(ends)
            kept = {kind: sum(end.kept[kind] for end in ends) / count for kind in ends[0].kept}
            share = sum(end.macs for end in ends) / count / dense_macs(views[0])
            rows.append(
                [
                    str(ends[0].state),
                    f"{100 * sum(end.val_accuracy for end in ends) / count:.2f} %",
                    f"{sum(end.removed_percent for end in ends) / count:.1f}",
                    f"{sum(end.params for end in ends) / count:,.0f}",
                    short(sum(end.macs for end in ends) / count),
                    f"{100 * share:.1f} %",
                    ", ".join(f"{number:.0f} {kind}s" for kind, number in kept.items()),
                    short(sum(end.training_macs for end in ends) / count),
                    f"{sum(end.seconds for end in ends) / count:,.1f}",
                ]
            )
        basis = f"mean of {len(views)} confirm trials" if len(views) > 1 else views[0].id
        yield html.table(rows, f"{arm}: {basis}")


def removal_table(results: RunResults) -> Iterator[str]:
    """Accuracy just before and after each removal, and the magnitude ratio: whether shrinking first made it harmless."""
    rows = [["arm", "state", "before removal", "after removal", "lost, points", "kept/dropped magnitude"]]
    for arm in arm_names(results):
        views = [view for view in shown_trials(results, arm) if any(state.removal for state in states_of(view))]
        for index in range(min((len(states_of(view)) for view in views), default=0)):
            found = [removal for view in views if (removal := states_of(view)[index].removal)]
            if not found:
                continue
            before, after, ratio = (
                sum(one.get(key) or 0.0 for one in found) / len(found)
                for key in ("val_accuracy_before", "val_accuracy_after", "magnitude_ratio")
            )
            lost = f"{100 * (before - after):.2f}"
            rows.append([arm, str(index), f"{100 * before:.2f} %", f"{100 * after:.2f} %", lost, f"{ratio:.3g}"])
    if len(rows) > 1:
        yield html.table(rows, "What each removal did, on validation: means over the trials shown")
