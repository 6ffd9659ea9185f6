"""One trial of a run as its files show it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pruning.catalogue import DEFAULT_METHOD, traits_of
from trainables.files.record import ENDED, Identity, StateEnd, TrialRecord, read_record
from trainables.files.request import TrialRequest, read_request


@dataclass(frozen=True)
class RecordedTrial:
    """One trial of a run. `record` is None while it has not begun; `values` are its searched keys, dotted.

    `source` names, for a confirming trial, the search trial whose configuration it repeats.
    """

    identity: Identity
    status: str
    record: TrialRecord | None
    config: dict[str, Any]
    folder: Path
    values: dict[str, Any]
    drawn: dict[str, Any]
    source: str | None = None

    @property
    def id(self) -> str:
        return self.identity.id

    @property
    def ended(self) -> bool:
        return self.status in ENDED

    @property
    def val_accuracy(self) -> float | None:
        """At the last completed state; None before the first."""
        if self.record is None or not self.record.states:
            return None
        return self.record.states[-1].val_accuracy


def read_trial(folder: Path, unended: str) -> RecordedTrial:
    """Read one trial's folder; `unended` is the status of a trial that has begun and not ended."""
    request = read_request(folder)
    record = read_record(folder)
    if request is None:
        if record is None:
            raise ValueError(f"{folder}: neither a request nor a record")
        request = TrialRequest(record.identity, record.config)
    return RecordedTrial(
        identity=request.identity,
        status=_status(record, unended),
        record=record,
        config=request.config if record is None else record.config,
        folder=folder,
        values=request.values,
        drawn=request.drawn,
        source=request.source,
    )


def _status(record: TrialRecord | None, unended: str) -> str:
    if record is None:
        return "pending"
    return record.status if record.status in ENDED else unended


def order_trials(views: Iterable[RecordedTrial], arms: list[str]) -> tuple[RecordedTrial, ...]:
    """By arm as the study names them, then phase, number and seed."""
    phases = {"trial": 0, "search": 1, "confirm": 2}

    def key(view: RecordedTrial) -> tuple[Any, ...]:
        identity = view.identity
        arm = arms.index(identity.arm) if identity.arm in arms else len(arms)
        return (arm, phases[identity.phase], identity.number, identity.seed, identity.id)

    return tuple(sorted(views, key=key))


def states_of(view: RecordedTrial) -> Sequence[StateEnd]:
    return view.record.states if view.record else ()


def method_of(view: RecordedTrial) -> str:
    return str(view.config.get("prune", {}).get("method", DEFAULT_METHOD))


def is_cut(view: RecordedTrial) -> bool:
    """Whether the trial's method makes the network smaller, so that its states are candidates."""
    return traits_of(method_of(view)).ends_small


def chance_of(view: RecordedTrial) -> float:
    """Accuracy of guessing, one over the number of classes: what a diverged trial counts as."""
    assert view.record is not None, "a trial that diverged has a record"
    return 1.0 / int(view.record.header["data"]["classes"])


def dense_macs(view: RecordedTrial) -> float:
    """MACs per image of the dense network that the trial's network was cut from."""
    assert view.record is not None, "asked only of trials with states"
    return float(view.record.header["dense"]["macs"])
