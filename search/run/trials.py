"""One trial of a run as its files show it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from models.errors import UserError
from models.units.reach import Reach
from pruning.catalogue import DEFAULT_METHOD, MethodTraits, traits_of
from search.run.curves import Axis, Curve, Quantity, curve_of
from search.run.files.trial_files import check_record, check_request, damaged_record
from trainables.config.prune import ScheduleConfig
from trainables.config.trial import TrialConfig
from trainables.files.growing import outline, read_on
from trainables.files.record import (
    ENDED,
    StateEnd,
    TrialRecord,
    record_path,
)
from trainables.files.request import REQUEST_FILE, TrialRequest, read_request
from trainables.files.unread import REMEDY


@dataclass(frozen=True, kw_only=True)
class RecordedTrial(TrialRequest):
    """One trial of a run: what was asked, and what became of it. `record` is None while it has not begun."""

    folder: Path
    status: str
    record: TrialRecord | None

    @property
    def id(self) -> str:
        return self.identity.id

    @property
    def ended(self) -> bool:
        return self.status in ENDED

    @property
    def states(self) -> Sequence[StateEnd]:
        """The ends of its completed states, in order."""
        return self.record.states if self.record else ()

    @property
    def last(self) -> StateEnd:
        """The end of its last completed state. IndexError before the first."""
        return self.states[-1]

    @property
    def finished(self) -> bool:
        """Whether it came to its planned end, so that its last state counts."""
        return self.status == "finished" and bool(self.states)

    @property
    def diverged(self) -> bool:
        """Whether its numbers ceased to be finite: it has no accuracy, and how often that happens is counted apart."""
        return self.status == "diverged"

    @property
    def val_accuracy(self) -> float | None:
        """At the last completed state; None before the first."""
        return self.last.val_accuracy if self.states else None

    @property
    def epochs_of_states(self) -> list[int]:
        """The epochs of each state from the dense one on, of those to come too."""
        epochs = self.record.header.get("epochs_of_states") if self.record else None
        return list(epochs or self._whole_config().epochs_of_states())

    @property
    def taken_over(self) -> tuple[StateEnd, ...]:
        """The states that another trial trained."""
        return tuple(end for end in self.states if end.taken_from is not None)

    def macs_of(self, end: StateEnd) -> float:
        """Training multiply-accumulates of one of its states alone."""
        before = [other.training_macs for other in self.states if other.state < end.state]
        return end.training_macs - max(before, default=0.0)

    @property
    def schedule(self) -> tuple[ScheduleConfig, tuple[int, ...]]:
        """What goes when. The states of trials that have it in common can be averaged one by one."""
        config = self._whole_config()
        return config.prune.schedule, config.epochs_of_states()

    def _whole_config(self) -> TrialConfig:
        try:
            return TrialConfig.model_validate(self.config)
        except ValidationError as error:
            place = ".".join(str(part) for part in error.errors()[0]["loc"])
            raise UserError(
                f"{self.folder}: this prunetune cannot read its recorded configuration ({place}: {error.errors()[0]['msg']}); "
                "use the prunetune that made the run"
            ) from None

    @property
    def method(self) -> str:
        return str(self.config.get("prune", {}).get("method", DEFAULT_METHOD))

    @property
    def traits(self) -> MethodTraits:
        """What its method is."""
        return traits_of(self.method)

    def removed_of_all_percent(self, end: StateEnd) -> float | None:
        """What one of its states has removed of all parameters; None where an old record does not tell.

        An older record's dense network is its state 0, but not where weights are masked, or where it began small.
        """
        if end.removed_of_all_percent is not None:
            return end.removed_of_all_percent
        if self.traits.masks or self.traits.from_scratch:
            return None
        return 100.0 * (1.0 - end.params / self.states[0].params)

    @property
    def reach(self) -> Reach | None:
        """How far pruning reaches into its network; None before its record has begun, or where that is too old to tell."""
        return Reach.from_json(self.record.header.get("dense") or {}) if self.record else None

    def curve(self, axis: Axis, quantity: Quantity = "val_accuracy") -> Curve:
        """A figure of its states over removed percent, the share of dense MACs left, or training MACs."""
        return curve_of(self.states, self.dense_macs, axis, quantity)

    @property
    def dense_macs(self) -> float:
        """MACs per image of the dense network that the trial's network was cut from."""
        assert self.record is not None, "asked only of trials with states"
        return float(self.record.header["dense"]["macs"])


def removed_text(percent: float, of_all: float | None) -> str:
    """`57.9 % (33.0 % of all)`: of what the target names, and of all parameters where that is known."""
    return f"{percent:.1f} %" + ("" if of_all is None else f" ({of_all:.1f} % of all)")


class TrialGone(UserError):
    """No trial is in the folder: a driver sets one aside that its run no longer counts."""


def read_trial(folder: Path, unended: str, known: RecordedTrial | None = None) -> RecordedTrial:
    """Read one trial's folder; `unended` is the status of a trial that has begun and not ended. What is `known` from an
    earlier look is not read again.

    UserError, in one line, for files that are damaged, foreign, or of another version of prunetune; TrialGone for none.
    """
    try:
        record = _read_record(folder, known.record if known else None)
        if known is not None and record is not None:
            return replace(known, config=record.config, status=_status(record, unended), record=record)
        request = _read_request(folder)
    except FileNotFoundError:
        record = request = None
    if record is not None:
        request = replace(request or TrialRequest(record.identity, {}), config=record.config)
    if request is None or not folder.exists():
        raise TrialGone(f"{folder}: no trial is here (neither {REQUEST_FILE} nor {record_path(folder).name})")
    return RecordedTrial(**vars(request), folder=folder, status=_status(record, unended), record=record)


def _status(record: TrialRecord | None, unended: str) -> str:
    if record is None:
        return "pending"
    return record.status if record.status in ENDED else unended


def _read_request(folder: Path) -> TrialRequest | None:
    path = folder / REQUEST_FILE
    try:
        request = read_request(folder)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: damaged (no JSON: {error}); {REMEDY}") from error
    except (KeyError, TypeError) as error:
        raise UserError(f"{path}: no request of a trial ({error}); {REMEDY}") from error
    if request is not None:
        check_request(path, request)
    return request


def _read_record(folder: Path, known: TrialRecord | None) -> TrialRecord | None:
    path = record_path(folder)
    if not path.exists():
        return None
    try:
        grown = read_on(path, known.read_to if known else None)
    except (ValueError, RecursionError) as error:
        raise damaged_record(path) from error
    known = known if grown.first > 1 else None
    check_record(path, grown.lines, path.stat().st_size, known)
    return outline(path, grown, known)


def order_trials(trials: Iterable[RecordedTrial], arms: list[str]) -> tuple[RecordedTrial, ...]:
    """By arm as the study names them, then phase, number and seed."""
    phases = ("trial", "search", "confirm")

    def key(trial: RecordedTrial) -> tuple[Any, ...]:
        one = trial.identity
        arm = arms.index(one.arm) if one.arm in arms else len(arms)
        return (arm, phases.index(one.phase), one.number, one.seed, one.id)

    return tuple(sorted(trials, key=key))
