"""The run's trials as the driver knows them: read from their files, and read again only where something happened."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from models import writes
from models.errors import WorkFailed
from search.run.folder import RunFolder
from search.run.possible.own_parts import begun_parts
from search.run.trials import RecordedTrial, read_trial
from trainables.files.failure import ERROR_FILE, Failure, record_failure
from trainables.files.generation import UNFENCED, Guard
from trainables.files.record import RECORD_FILE, RecordWriter, TrialRecord, end_line
from trainables.files.remote.errors import Changed
from trainables.files.remote.trial_mirror import whole_patience
from trainables.files.request import REQUEST_FILE, TrialRequest, write_request
from trainables.files.turn import launch_of, next_turn

DRIVERS = (RECORD_FILE, REQUEST_FILE, ERROR_FILE)
"""What a driver writes in a trial's folder."""


class TrialStore:
    """Every trial of a run by id. The caller holds the run's lock.

    `guard` is the launch's, whose generation is in what is written; it is asked before each write.
    """

    def __init__(self, run: RunFolder) -> None:
        self.run, self._mirror = run, run.mirror(whole_patience())
        self.guard: Guard = UNFENCED
        self._forgotten: dict[str, TrialRecord] = {}
        self._trials = {trial_id: read_trial(run.trial_folder(trial_id), "running") for trial_id in run.trial_ids()}

    def __iter__(self) -> Iterator[RecordedTrial]:
        # A copy: the live table reads it from another thread.
        return iter(list(self._trials.values()))

    def __contains__(self, trial_id: str) -> bool:
        return trial_id in self._trials

    def newest_generation(self) -> int:
        """Of the launches that wrote into any record; 0 without any."""
        return max((launch_of(trial.record.reached.generation) for trial in self if trial.record), default=0)

    def get(self, trial_id: str) -> RecordedTrial | None:
        return self._trials.get(trial_id)

    def refresh(self, trial_id: str) -> RecordedTrial:
        """Read what has been added to a trial's files; those of a run in a bucket may have been written on another machine."""
        if self._mirror is not None:
            trial = self._mirror.trial(self.run.trial_folder(trial_id))
            trial.update(trial.entries())
        return self._read(trial_id)

    def _read(self, trial_id: str) -> RecordedTrial:
        known = self._trials.get(trial_id)
        trial = read_trial(self.run.trial_folder(trial_id), "running", known)
        if trial.record is not None and self._is_forgotten(trial_id, trial.record):
            trial = replace(trial, status="running")
        self._trials[trial_id] = trial
        return trial

    def add(self, request: TrialRequest) -> RecordedTrial:
        """Write a new trial's request; from then on it is part of the run, whatever happens."""
        self.guard()
        asked = replace(request, parts=begun_parts(self.run))
        write_request(self.run.trial_folder(request.identity.id), asked)
        return self._written(request.identity.id)

    def stop(self, trial_id: str, reason: str) -> RecordedTrial:
        """End an idle trial as stopped early, where it stands."""
        self.guard()
        record = self._trials[trial_id].record
        writer = RecordWriter(self.run.trial_folder(trial_id), self._turn(record))
        if record is not None and launch_of(record.reached.generation) < self.guard.generation and record.states:
            # No process of this launch has been at it, and one of an earlier launch may yet write.
            writer.go_on(record.states[-1].state + 1, 0, record.states[-1].epochs)
        writer.append(end_line("stopped", reason=reason))
        return self._written(trial_id)

    def fail(self, request: TrialRequest, failure: Failure) -> RecordedTrial:
        """End a trial as failed, that has no process."""
        self.guard()
        known = self._trials.get(request.identity.id)
        turn = self._turn(known.record if known else None)
        record_failure(self.run.trial_folder(request.identity.id), request, failure, generation=turn)
        return self._written(request.identity.id)

    def _turn(self, record: TrialRecord | None) -> int:
        """The number of what the driver writes: newer than any process's that it has given up."""
        newest = record.reached.generation if record else 0
        return next_turn(self.guard.generation, newest) if self.guard.generation else newest

    def _written(self, trial_id: str) -> RecordedTrial:
        """What the driver has written of a trial counts once the bucket has it."""
        self._forgotten.pop(trial_id, None)
        if self._mirror is not None:
            try:
                self._mirror.trial(self.run.trial_folder(trial_id)).push(DRIVERS)
            except Changed:
                raise WorkFailed(
                    f"{self.run.address}: another process has written the files of {trial_id}; see who drives the run, then "
                    f"`prunetune resume {self.run.address}`"
                ) from None
        return self._read(trial_id)

    def forget_end(self, trial_id: str) -> None:
        """Treat a failed trial as one that has not ended, until it goes on, which its record then says, or ends again."""
        trial = self._trials[trial_id]
        assert trial.record is not None, "a record says that it failed"
        self._forgotten[trial_id] = trial.record
        self._trials[trial_id] = replace(trial, status="running")

    def _is_forgotten(self, trial_id: str, record: TrialRecord) -> bool:
        """Whether the record's end is the one that was forgotten. The same error again is another end: by this launch."""
        before = self._forgotten.get(trial_id)
        return before is not None and _end(record) == _end(before)

    def set_aside(self, trial: RecordedTrial) -> None:
        """Move a trial that no longer belongs to the run to `superseded/`, where nothing counts it."""
        self.guard()
        aside = self.run.path / "superseded" / f"{trial.id}--{trial.source}"
        aside.parent.mkdir(exist_ok=True)
        count = 1
        while aside.exists():
            count += 1
            aside = aside.with_name(f"{trial.id}--{trial.source}--{count}")
        if self._mirror is not None:
            self._mirror.set_aside(trial.folder, aside)
        writes.move_folder(trial.folder, aside)
        del self._trials[trial.id]


def _end(record: TrialRecord) -> tuple[object, ...]:
    """How it ended, after which launches, and which of them was the last to write."""
    return record.end, record.launches, record.reached.generation
