"""A trial's record as rows: one for each epoch, with the end of a state in that of its last epoch."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search.run.trials import RecordedTrial
from trainables.files.record import RECORD_FILE, StateEnd
from trainables.files.request import REQUEST_FILE
from trainables.tensorboard.tags import BY_REMOVED, BY_STATE, Scalar, epoch_scalars, state_scalars

OTHER_STEPS = (BY_STATE, BY_REMOVED)


@dataclass(frozen=True)
class Row:
    """`scalars` are of one epoch, which is `step`, counted from 1 over all states; some have a step of another kind. `at`:
    when it ended, in seconds since 1970."""

    step: int
    at: float
    scalars: tuple[Scalar, ...]

    def by_epoch(self) -> dict[str, float]:
        return {one.tag: one.value for one in self.scalars if one.tag not in OTHER_STEPS}

    def by_others(self) -> list[Scalar]:
        """Those with steps of their own, such as a state's number."""
        return [one for one in self.scalars if one.tag in OTHER_STEPS]


def rows_of(trial: RecordedTrial, after: int) -> Iterator[Row]:
    """The rows after so many epochs. A state's last epoch waits for the state's end, so that a row is never told in parts."""
    record = trial.record
    if record is None or len(record.epochs) <= after:
        return
    epochs = list(record.epochs)
    at = _began_at(trial, epochs) + sum(line["seconds"] for line in epochs[:after])
    ends: dict[int, StateEnd] = {end.epochs: end for end in record.states}
    lasts = _lasts(trial)
    for line in epochs[after:]:
        step = line["epochs_total"]
        at += line["seconds"]
        end = ends.get(step)
        if end is None and step in lasts and not trial.ended:
            return
        yield Row(step, at, (*epoch_scalars(line), *(state_scalars(end) if end else ())))


def began_at(trial: RecordedTrial) -> float:
    """When it began, in seconds since 1970, as far as its files tell: records have durations, and no times. A request may be
    younger than the trial, where it was copied or given anew."""
    return _began_at(trial, trial.record.epochs if trial.record else ())


def _began_at(trial: RecordedTrial, epochs: Iterable[Mapping[str, Any]]) -> float:
    written, asked = _changed(trial.folder / RECORD_FILE), _changed(trial.folder / REQUEST_FILE)
    begun = None if written is None else written - sum(line["seconds"] for line in epochs)
    return min([one for one in (begun, asked) if one is not None], default=time.time())


def ended_at(trial: RecordedTrial) -> float:
    """When its record was last written to, in seconds since 1970."""
    changed = _changed(trial.folder / RECORD_FILE)
    return time.time() if changed is None else changed


def _changed(file: Path) -> float | None:
    try:
        return file.stat().st_mtime
    except FileNotFoundError:
        return None


def _lasts(trial: RecordedTrial) -> set[int]:
    """The epochs, over all states, that are the last of theirs."""
    total, found = 0, set()
    for epochs in trial.epochs_of_states:
        total += epochs
        found.add(total)
    return found
