"""Sends a run's records to one tracker: what it lacks, and no epoch twice. Nothing here is in the way of a trial."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from models.errors import UserError
from search.config_file import key_tree
from search.run.folder import RunFolder
from search.run.trials import RecordedTrial, read_trial
from search.study.beside.logging_section import without_login
from search.trackers.base import Introduction, TrackedTrial, Tracker
from search.trackers.ledger import Entry, Ledger, name_in_ledger
from search.trackers.rows import Row, began_at, ended_at, rows_of
from trainables.files.failure import describe, traceback_of
from trainables.files.record import RECORD_FILE
from trainables.files.remote.table import stamp_of
from trainables.files.request import REQUEST_FILE
from trainables.tensorboard.tags import final_scalars

FIRST_PAUSE, LONGEST_PAUSE = 10.0, 300.0
"""Seconds after which a tracker that could not be reached is tried again; they double."""
LONGEST_REASON = 160


class Stamp(NamedTuple):
    """How a trial's two files looked: size and time of the last change; None where there is none."""

    record: tuple[int, int] | None
    request: tuple[int, int] | None


@dataclass
class _Open:
    """A trial that the tracker is being told of, how many of its epochs it was given, and how many it had already."""

    tracked: TrackedTrial
    given: int
    found: int
    latest: float = 0.0
    """When its record was last written to, in seconds since 1970."""


class Sender:
    """`make` gives the tracker, when something is to be told; it may fail as the tracker itself may. `say` is given lines
    for people."""

    def __init__(
        self, run: RunFolder, ledger: Ledger, study: str, make: Callable[[], Tracker], say: Callable[[str], None]
    ) -> None:
        self._run, self._ledger, self._study, self._make, self._say = run, ledger, study, make, say
        self._name = ledger.path.stem
        self._tracker: Tracker | None = None
        self._open: dict[str, _Open] = {}
        self._seen: dict[str, Stamp] = {}
        """How the files of each trial looked that the tracker was told of."""
        self._stamps: dict[str, Stamp] = {}
        self._read: dict[str, RecordedTrial] = {}
        self._pause, self._not_before, self._silent = FIRST_PAUSE, 0.0, False

    def look(self, *, last: bool = False) -> bool:
        """Send what has been added to the records since. Once the tracker has failed, not for a while, but for the `last`
        look, after which no trial is open any more. Returns whether the tracker has all there is."""
        if time.monotonic() < self._not_before and not last:
            return False
        try:
            self._send(last)
        except (UserError, KeyboardInterrupt):
            raise
        except Exception as error:
            self._failed(error)
            return False
        if self._silent:
            self._silent, self._pause = False, FIRST_PAUSE
            self._say(f"{self._name} answers again; it has been sent what it lacked")
        return True

    def _failed(self, error: Exception) -> None:
        print(without_login(traceback_of(error)), file=sys.stderr, flush=True)
        # What is open may have had its connection in it: each trial is introduced again.
        for one in self._open.values():
            with suppress(Exception):
                one.tracked.forget()
        self._open.clear()
        self._seen.clear()
        self._tracker = None
        self._not_before = time.monotonic() + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE)
        if not self._silent:
            self._silent = True
            self._say(
                f"{self._name} cannot be reached ({_reason(error)}); the trials go on, and what it lacks is sent "
                f"when it answers, or later: prunetune log {self._run.address}"
            )

    def _send(self, last: bool) -> None:
        for trial in self._changed():
            self._send_trial(trial)
            self._seen[trial.id] = self._stamps[trial.id]
        if last:
            for name, one in list(self._open.items()):
                one.tracked.leave(one.latest)
                self._note(name, one, "interrupted")
                del self._open[name]

    def _changed(self) -> list[RecordedTrial]:
        """The trials whose record is not as it was at the last look."""
        found = []
        for trial_id in self._run.trial_ids():
            folder = self._run.trial_folder(trial_id)
            before, now = self._seen.get(trial_id), _stamp(folder)
            if now.record is None or before == now:
                continue
            # Another trial may have taken its place.
            known = self._read.get(trial_id) if before is not None and before.request == now.request else None
            with suppress(UserError):  # a damaged record is told of by whoever drives the run
                self._read[trial_id] = read_trial(folder, "running", known)
                self._stamps[trial_id] = now
                found.append(self._read[trial_id])
        return found

    def _send_trial(self, trial: RecordedTrial) -> None:
        name = name_in_ledger(trial)
        entry, status = self._ledger.trials.get(name), trial.status if trial.ended else ""
        told = 0 if entry is None else self._open[name].given if name in self._open else entry.epochs
        rows = list(rows_of(trial, told))
        if not rows and (not status or (entry is not None and entry.status == status)):
            return
        one = self._opened(name, trial, entry)
        one.latest = ended_at(trial)
        rows = [row for row in rows if row.step > one.given] if one.given >= told else list(rows_of(trial, one.given))
        self._give(name, one, rows)
        if status:
            final = tuple(final_scalars(trial.last)) if trial.finished else ()
            one.tracked.end(status, final, one.latest)
            self._note(name, one, status)
            del self._open[name]

    def _opened(self, name: str, trial: RecordedTrial, entry: Entry | None) -> _Open:
        if name not in self._open:
            if self._tracker is None:
                self._tracker = self._make()
            tracked = self._tracker.introduce(self._introduction(name, trial), self._known(entry))
            known = tracked.known if tracked.known is not None else entry.epochs if entry else 0
            before = entry or Entry(tracked.id)
            found = before.found + known - before.epochs
            self._open[name] = _Open(tracked, known, found)
            self._ledger.note(name, Entry(tracked.id, known, found=found))
        return self._open[name]

    def _known(self, entry: Entry | None) -> str | None:
        """The tracker's id of a trial that it surely has: of one that was never let go, a kill may have left nothing."""
        assert self._tracker is not None, "it has just been made"
        if entry is None or not (self._tracker.has_at_once or entry.epochs or entry.status):
            return None
        return entry.id

    def _give(self, name: str, one: _Open, rows: list[Row]) -> None:
        if not rows:
            return
        one.tracked.send(rows)
        one.given = rows[-1].step
        assert self._tracker is not None, "it has just been made"
        if self._tracker.has_at_once:
            self._note(name, one, "")

    def _note(self, name: str, one: _Open, status: str) -> None:
        self._ledger.note(name, Entry(one.tracked.id, one.given, status, one.found))

    def _introduction(self, name: str, trial: RecordedTrial) -> Introduction:
        identity = trial.identity
        tags = {
            "study": self._study,
            "run": self._run.address,
            "trial": identity.id,
            "arm": identity.arm,
            "phase": identity.phase,
            "seed": str(identity.seed),
            "number": str(identity.number),
            "method": trial.method,
        }
        optional = {"replicate": str(identity.replicate or ""), "recipe": identity.recipe, "source": trial.source or ""}
        tags |= {key: value for key, value in optional.items() if value}
        searched = dict(trial.values)
        rest = {key: value for key, value in key_tree.leaves(trial.config) if key not in searched}
        return Introduction(
            key=f"{self._ledger.key}/{name}",
            id=identity.id,
            arm=identity.arm,
            phase=identity.phase,
            tags=tags,
            parameters={**searched, **rest},
            began=began_at(trial),
        )


def _stamp(folder: Path) -> Stamp:
    return Stamp(stamp_of(folder / RECORD_FILE), stamp_of(folder / REQUEST_FILE))


def _reason(error: BaseException) -> str:
    """What is at the bottom of it: the layers above tell of retries and pools."""
    while (below := error.__cause__ or error.__context__) is not None:
        error = below
    return without_login(describe(error))[:LONGEST_REASON]
