"""A run's records as pandas frames. Test accuracy is in none of them: who has them at hand would choose by it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from search.report.csv_files import IDENTITY, Flat, identity_of, state_rows, trial_rows
from search.run.results import RunResults

if TYPE_CHECKING:
    import pandas as pd

TEXT = ("id", "arm", "phase", "recipe", "status", "source", "taken_from")
WHOLE = ("number", "seed", "replicate", "state", "epoch", "epochs", "epochs_total", "params", "macs")
FRACTIONS = (
    *("train_loss", "train_accuracy", "val_accuracy", "val_loss", "removed_percent", "removed_of_all_percent"),
    *("training_macs", "seconds", "macs_share", "lr", "lambda", "images_per_second"),
)
NOT_SHOWN = ("test_accuracy", "test_loss")
EPOCH = (
    *(
        "state",
        "epoch",
        "epochs_total",
        "phase",
        "train_loss",
        "train_accuracy",
        "val_accuracy",
        "val_loss",
        "lr",
        "lambda",
    ),
    *("params", "macs", "removed_percent", "removed_of_all_percent", "seconds", "images_per_second", "taken_from"),
)
PHASE_OF_EPOCH = "training"
"""The column of an epoch's own phase: `phase` is the trial's."""


def trials_frame(results: RunResults) -> pd.DataFrame:
    """A row per trial, at its last state."""
    return _frame(trial_rows(results))


def states_frame(results: RunResults) -> pd.DataFrame:
    """A row per state of every trial."""
    return _frame(state_rows(results))


def epochs_frame(results: RunResults) -> pd.DataFrame:
    """A row per epoch of every trial."""
    names = [PHASE_OF_EPOCH if name == "phase" else name for name in EPOCH]
    return _frame(Flat([*IDENTITY, *names], list(_epoch_rows(results))))


def _epoch_rows(results: RunResults) -> Iterator[Sequence[Any]]:
    for trial in results.trials:
        for line in trial.record.epochs if trial.record else ():
            yield [*identity_of(trial), *(line.get(name) for name in EPOCH)]


def _frame(table: Flat) -> pd.DataFrame:
    """Each known column has its type, also in a table without rows; a searched key has the type that its values have."""
    import pandas as pd

    columns = dict(zip(table.heading, zip(*table.rows, strict=True), strict=True)) if table.rows else {}
    found = {
        name: pd.Series(columns.get(name, ()), dtype=_type_of(name)) for name in table.heading if name not in NOT_SHOWN
    }
    frame = pd.DataFrame(found)
    searched = [name for name in found if _type_of(name) == "object"]
    frame[searched] = frame[searched].infer_objects()
    return frame


def _type_of(name: str) -> str:
    if name in TEXT or name == PHASE_OF_EPOCH:
        return "string"
    if name in WHOLE or name.startswith("kept_"):
        return "Int64"
    if name in FRACTIONS or name.startswith("removal_"):
        return "float64"
    return "object"
