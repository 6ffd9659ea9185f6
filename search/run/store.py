"""The run's trials as the driver knows them: read from their files, and read again only where something happened."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from search.run.folder import RunFolder
from search.run.trials import RecordedTrial, read_trial
from trainables.files.record import RecordWriter, end_line
from trainables.files.request import TrialRequest, write_request


class TrialStore:
    """Every trial of a run by id. The caller holds the run's lock."""

    def __init__(self, run: RunFolder) -> None:
        self.run = run
        self._trials = {trial_id: read_trial(run.trial_folder(trial_id), "running") for trial_id in run.trial_ids()}

    def __iter__(self) -> Iterator[RecordedTrial]:
        # A copy: the live table reads it from another thread.
        return iter(list(self._trials.values()))

    def __contains__(self, trial_id: str) -> bool:
        return trial_id in self._trials

    def get(self, trial_id: str) -> RecordedTrial | None:
        return self._trials.get(trial_id)

    def refresh(self, trial_id: str) -> RecordedTrial:
        """Read what has been added to a trial's files."""
        known = self._trials.get(trial_id)
        self._trials[trial_id] = read_trial(self.run.trial_folder(trial_id), "running", known)
        return self._trials[trial_id]

    def add(self, request: TrialRequest) -> RecordedTrial:
        """Write a new trial's request; from then on it is part of the run, whatever happens."""
        write_request(self.run.trial_folder(request.identity.id), request)
        return self.refresh(request.identity.id)

    def stop(self, trial_id: str, reason: str) -> RecordedTrial:
        """End an idle trial as stopped early."""
        RecordWriter(self.run.trial_folder(trial_id)).append(end_line("stopped", reason=reason))
        return self.refresh(trial_id)

    def forget_end(self, trial_id: str) -> None:
        """Treat a failed trial as one that has not ended; its record is mended when it goes on."""
        self._trials[trial_id] = replace(self._trials[trial_id], status="running")

    def set_aside(self, trial: RecordedTrial) -> None:
        """Move a trial that no longer belongs to the run to `superseded/`, where nothing counts it."""
        aside = self.run.path / "superseded" / f"{trial.id}--{trial.source}"
        aside.parent.mkdir(exist_ok=True)
        count = 1
        while aside.exists():
            count += 1
            aside = aside.with_name(f"{trial.id}--{trial.source}--{count}")
        trial.folder.rename(aside)
        del self._trials[trial.id]
