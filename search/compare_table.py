"""The comparison as a person reads it on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from search.evidence.arm_summary import ArmSummary
from search.evidence.comparison import Comparison
from search.evidence.final_test import FinalTest
from search.evidence.formats import number, percent, short


def comparison_text(comparison: Comparison, final_test: FinalTest | None) -> str:
    """Table, verdict and the one look at the test split."""
    lines = [*table_lines(table_rows(comparison)), "", comparison.verdict]
    if final_test:
        lines += ["", final_test_sentence(final_test)]
    return "\n".join(lines)


def table_rows(comparison: Comparison) -> list[list[str]]:
    """The heading and a row per arm, as text; the report shows the same."""
    metric = "test" if comparison.settings.metric == "test_accuracy" else "validation"
    heading = [
        "arm", "trials", "search's best", f"confirmed {metric}", "seeds", "removed %", "parameters", "MACs", "of dense",
        "training MACs", "seconds",
    ]  # fmt: skip
    return [heading, *[_row(row) for row in comparison.rows]]


def _row(row: ArmSummary) -> list[str]:
    return [
        row.arm,
        counts_text(row),
        percent(row.best_accuracy),
        confirmed_text(row),
        str(len(row.confirmed.by_seed)) if row.confirmed else "–",
        number(row.removed_percent, "{:.1f}"),
        number(row.params, "{:,.0f}"),
        short(row.macs),
        number(None if row.macs_share is None else 100 * row.macs_share, "{:.1f} %"),
        short(row.training_macs),
        number(row.seconds, "{:,.1f}"),
    ]


def counts_text(row: ArmSummary) -> str:
    """`6 (2 stopped, 1 diverged)`: every search trial is counted, whatever became of it."""
    total = sum(row.counts.values())
    others = [f"{count} {status}" for status, count in sorted(row.counts.items()) if status != "finished"]
    return f"{total} ({', '.join(others)})" if others else str(total)


def confirmed_text(row: ArmSummary) -> str:
    if row.confirmed is None:
        return "–"
    text = percent(row.confirmed.mean)
    if row.confirmed.interval is not None:
        low, high = row.confirmed.interval
        text += f" [{100 * low:.2f}, {100 * high:.2f}]"
    if row.confirmed.diverged:
        text += f" ({row.confirmed.diverged} diverged)"
    return text


def final_test_sentence(final_test: FinalTest) -> str:
    images = ""
    if final_test.interval:
        low, high = final_test.interval
        images = f" [{100 * low:.2f}, {100 * high:.2f}] on {final_test.images} images"
    count = f"{final_test.candidates} candidate{'' if final_test.candidates == 1 else 's'}"
    return (
        f"Test accuracy of {final_test.id}, chosen by validation from {count}: {percent(final_test.accuracy)}{images}."
    )


def table_lines(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns aligned by spaces, the first to the left, the others to the right, a rule under the heading."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    aligned = [
        "  ".join(cell.ljust(width) if column == 0 else cell.rjust(width) for column, (cell, width) in enumerate(pairs))
        for pairs in (list(zip(row, widths, strict=True)) for row in rows)
    ]
    return [aligned[0], "-" * len(aligned[0]), *aligned[1:]]
