"""`trials.csv` and `states.csv`: a run's records as two flat tables."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

from search.run.results import RunResults

STATE_FIELDS = (
    "state", "epochs", "val_accuracy", "val_loss", "test_accuracy", "test_loss", "params", "macs", "removed_percent",
    "training_macs", "seconds",
)  # fmt: skip
IDENTITY = ("id", "arm", "phase", "number", "seed")


def trials_csv(results: RunResults) -> str:
    """A row per trial: identity, status, searched keys, and its last state."""
    keys = sorted({key for view in results.trials for key in view.values})
    rows = []
    for view in results.trials:
        states = view.states
        last = [getattr(states[-1], name) for name in STATE_FIELDS] if states else [None] * len(STATE_FIELDS)
        values = [view.values.get(key) for key in keys]
        rows.append([*_identity(view), view.status, view.source, *values, *last])
    return _csv([*IDENTITY, "status", "source", *keys, *STATE_FIELDS], rows)


def states_csv(results: RunResults) -> str:
    """A row per state of every trial, with kept units by kind and, for RSST, what removal did."""
    kinds = sorted({kind for view in results.trials for state in view.states for kind in state.kept})
    removal = sorted({key for view in results.trials for state in view.states for key in state.removal or {}})
    rows = [
        [
            *_identity(view),
            *[getattr(state, name) for name in STATE_FIELDS],
            state.macs / view.dense_macs,
            *[state.kept.get(kind) for kind in kinds],
            *[(state.removal or {}).get(key) for key in removal],
        ]
        for view in results.trials
        for state in view.states
    ]
    kept = [f"kept_{kind}" for kind in kinds]
    return _csv([*IDENTITY, *STATE_FIELDS, "macs_share", *kept, *[f"removal_{key}" for key in removal]], rows)


def _identity(view: Any) -> list[Any]:
    return [getattr(view.identity, name) for name in IDENTITY]


def _csv(heading: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(heading)
    writer.writerows(rows)
    return buffer.getvalue()
