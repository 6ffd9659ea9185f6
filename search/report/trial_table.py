"""Every trial of a run in a row: what the page sorts, and what its figures say of a point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from search.evidence.formats import number, percent, short
from search.evidence.winner import setting_text
from search.report.table import Table
from search.run.results import RunResults
from search.run.trials import RecordedTrial

COLUMNS = (
    ("trial", "words"), ("arm", "words"), ("phase", "words"), ("seed", "number"), ("status", "words"), ("settings", "words"),
    ("validation", "accuracy"), ("removed %", "tenths"), ("MACs", "count"), ("seconds", "tenths"), ("why it ended", "words"),
)  # fmt: skip
"""Heading and kind: how trials.js writes and sorts what is in it."""
HEADING = tuple(heading for heading, _ in COLUMNS)
COLUMN_KINDS = tuple(kind for _, kind in COLUMNS)
TEXT = tuple(place for place, kind in enumerate(COLUMN_KINDS) if kind == "words")
ON_ONE_PAGE = 500
"""Rows; more are shown a part at a time by the page's script, and are in the page as numbers alone."""


@dataclass(frozen=True)
class TrialRow:
    """One trial; its figures are those of its last completed state, None before the first."""

    id: str
    arm: str
    phase: str
    seed: int
    status: str
    settings: tuple[str, ...]
    accuracy: float | None
    removed: float | None
    macs: int | None
    seconds: float | None
    reason: str

    def cells(self) -> list[str]:
        """As the page writes them; `shown` of trials.js writes the same."""
        return [
            self.id, self.arm, self.phase, str(self.seed), self.status, ", ".join(self.settings), percent(self.accuracy),
            number(self.removed, "{:.1f}"), short(self.macs), number(self.seconds, "{:.1f}"), self.reason,
        ]  # fmt: skip

    def to_json(self) -> list[Any]:
        """In the order of HEADING, short enough for thousands of them."""
        return [
            self.id, self.arm, self.phase, self.seed, self.status, list(self.settings), _rounded(self.accuracy, 5),
            _rounded(self.removed, 2), self.macs, _rounded(self.seconds, 1), self.reason,
        ]  # fmt: skip


def trial_rows(results: RunResults) -> list[TrialRow]:
    """In the run's order."""
    return [_row(trial) for trial in results.trials]


def _row(trial: RecordedTrial) -> TrialRow:
    one, last = trial.identity, trial.last if trial.states else None
    return TrialRow(
        id=one.id,
        arm=one.arm,
        phase=one.phase,
        seed=one.seed,
        status=trial.status,
        settings=tuple(f"{key} {setting_text(value)}" for key, value in trial.values.items()),
        accuracy=last.val_accuracy if last else None,
        removed=last.removed_percent if last else None,
        macs=last.macs if last else None,
        seconds=last.seconds if last else None,
        reason=_reason(trial),
    )


def _reason(trial: RecordedTrial) -> str:
    """What the record says of an end that was not the planned one."""
    return " ".join(((trial.record.reason if trial.record else None) or "").split())


def trial_table(results: RunResults, *, whole: bool) -> Table:
    """The table of a page; empty, for the script to fill, where it is long and not to be `whole`."""
    rows = trial_rows(results)
    shown = rows if whole or len(rows) <= ON_ONE_PAGE else []
    caption = (
        "Validation accuracy, removed of the prunable parameters, MACs and training time at the last completed state."
    )
    return Table(HEADING, [row.cells() for row in shown], caption, TEXT)


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
