"""A trial's record as rows: one for each epoch, with the end of a state in that of its last epoch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from search.run.trials import RecordedTrial
from trainables.files.record import StateEnd
from trainables.tensorboard.tags import BY_REMOVED, BY_STATE, Scalar, epoch_scalars, state_scalars

OTHER_STEPS = (BY_STATE, BY_REMOVED)


@dataclass(frozen=True)
class Row:
    """`scalars` are of one epoch, which is `step`, counted from 1 over all states; some have a step of another kind."""

    step: int
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
    ends: dict[int, StateEnd] = {end.epochs: end for end in record.states}
    lasts = _lasts(trial)
    for line in list(record.epochs)[after:]:
        step = line["epochs_total"]
        end = ends.get(step)
        if end is None and step in lasts and not trial.ended:
            return
        yield Row(step, (*epoch_scalars(line), *(state_scalars(end) if end else ())))


def _lasts(trial: RecordedTrial) -> set[int]:
    """The epochs, over all states, that are the last of theirs."""
    total, found = 0, set()
    for epochs in trial.epochs_of_states:
        total += epochs
        found.add(total)
    return found
