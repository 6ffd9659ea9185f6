"""One trial of a run as its files show it, and the choice of the best among several."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainables.record import ENDED, Identity, TrialRecord, read_record
from trainables.request import TrialRequest, read_request


@dataclass(frozen=True)
class TrialView:
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


def view_of(folder: Path, unended: str) -> TrialView:
    """Read one trial's folder; `unended` is the status of a trial that has begun and not ended."""
    request = read_request(folder)
    record = read_record(folder)
    if request is None:
        if record is None:
            raise ValueError(f"{folder}: neither a request nor a record")
        request = TrialRequest(record.identity, record.config)
    return TrialView(
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


def order_trials(views: Iterable[TrialView], arms: list[str]) -> tuple[TrialView, ...]:
    """By arm as the study names them, then phase, number and seed."""
    phases = {"trial": 0, "search": 1, "confirm": 2}

    def key(view: TrialView) -> tuple[Any, ...]:
        identity = view.identity
        arm = arms.index(identity.arm) if identity.arm in arms else len(arms)
        return (arm, phases[identity.phase], identity.number, identity.seed, identity.id)

    return tuple(sorted(views, key=key))


def best_trial(trials: Iterable[TrialView]) -> TrialView | None:
    """The finished search trial with the highest validation accuracy at its last state; the earlier one on a tie."""
    finished = [t for t in trials if t.status == "finished" and t.identity.phase != "confirm" and t.record is not None]
    scored = [trial for trial in finished if trial.val_accuracy is not None]
    return max(scored, key=lambda trial: (trial.val_accuracy or 0.0, -trial.identity.number), default=None)
