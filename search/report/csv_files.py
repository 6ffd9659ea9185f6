"""`trials.csv` and `states.csv`: a run's records as two flat tables."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from search.run.results import RunResults
from search.run.trials import RecordedTrial

STATE_FIELDS = (
    "state", "epochs", "val_accuracy", "val_loss", "test_accuracy", "test_loss", "params", "macs", "removed_percent",
    "removed_of_all_percent", "training_macs", "seconds",
)  # fmt: skip
IDENTITY = ("id", "arm", "phase", "number", "seed", "replicate", "recipe")


@dataclass(frozen=True)
class Flat:
    """A table of values as they are, each row as long as its heading."""

    heading: Sequence[str]
    rows: Sequence[Sequence[Any]]


def trials_csv(results: RunResults) -> str:
    """`trial_rows` as text."""
    return _csv(trial_rows(results))


def states_csv(results: RunResults) -> str:
    """`state_rows` as text."""
    return _csv(state_rows(results))


def trial_rows(results: RunResults) -> Flat:
    """A row per trial: identity, status, searched keys, and its last state."""
    keys = sorted({key for trial in results.trials for key in trial.values})
    rows = []
    for trial in results.trials:
        states = trial.states
        last = [getattr(states[-1], name) for name in STATE_FIELDS] if states else [None] * len(STATE_FIELDS)
        values = [trial.values.get(key) for key in keys]
        rows.append([*identity_of(trial), trial.status, trial.source, *values, *last])
    return Flat([*IDENTITY, "status", "source", *keys, *STATE_FIELDS], rows)


def state_rows(results: RunResults) -> Flat:
    """A row per state of every trial, with kept units by kind and, for RSST, what removal did."""
    kinds = sorted({kind for trial in results.trials for state in trial.states for kind in state.kept})
    removal = sorted({key for trial in results.trials for state in trial.states for key in state.removal or {}})
    rows = [
        [
            *identity_of(trial),
            *[getattr(state, name) for name in STATE_FIELDS],
            state.macs / trial.dense_macs,
            *[state.kept.get(kind) for kind in kinds],
            *[(state.removal or {}).get(key) for key in removal],
        ]
        for trial in results.trials
        for state in trial.states
    ]
    kept = [f"kept_{kind}" for kind in kinds]
    return Flat([*IDENTITY, *STATE_FIELDS, "macs_share", *kept, *[f"removal_{key}" for key in removal]], rows)


def identity_of(trial: RecordedTrial) -> list[Any]:
    """Its values under `IDENTITY`."""
    return [getattr(trial.identity, name) for name in IDENTITY]


def _csv(table: Flat) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(table.heading)
    writer.writerows(table.rows)
    return buffer.getvalue()
