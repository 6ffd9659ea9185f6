"""A run's folder: where its files are, the lock of whoever drives it, and its launches."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from models import atomic, writes
from models.errors import UserError
from search.study.dense_recipe import DENSE_ARM
from search.study.sections import ResourcesConfig
from trainables.files.generation import next_generation
from trainables.files.record import RECORD_FILE
from trainables.files.request import REQUEST_FILE


@dataclass(frozen=True)
class RunFolder:
    """The folder of one study's run."""

    path: Path

    @classmethod
    def existing(cls, path: Path) -> RunFolder:
        """The run at `path`; a UserError where there is none."""
        run = cls(path.resolve())
        if not run.study_file.exists():
            raise UserError(
                f"{path}: no run is here (there is no study.yaml in it); give the folder that `prunetune sweep` made"
            )
        return run

    @property
    def study_file(self) -> Path:
        return self.path / "study.yaml"

    @property
    def manifest_file(self) -> Path:
        return self.path / "manifest.json"

    @property
    def optuna_log(self) -> Path:
        return self.path / "optuna.log"

    @property
    def trials_folder(self) -> Path:
        return self.path / "trials"

    @property
    def own_stages(self) -> Path:
        """The run's own folder of shared states."""
        return self.path / "stages"

    def dense_run(self, replicate: int) -> RunFolder:
        """The run of `search.state0`, for one of the study's searches; it lies within this one."""
        return RunFolder(self.path / (f"{DENSE_ARM}.r{replicate}" if replicate else DENSE_ARM))

    def stages_folder(self, resources: ResourcesConfig) -> Path | None:
        """Where this run's trials find and leave shared states; None where they share nothing."""
        if not resources.share:
            return None
        return self.own_stages if resources.stages is None else resources.stages.resolve()

    def trial_folder(self, trial_id: str) -> Path:
        return self.trials_folder / trial_id

    def trial_ids(self) -> tuple[str, ...]:
        """The trials that were handed out or have a record, by name."""
        files = (REQUEST_FILE, RECORD_FILE)
        return tuple(sorted({path.parent.name for file in files for path in self.trials_folder.glob(f"*/{file}")}))

    def has_begun(self) -> bool:
        """Whether there are trials, or a launch got as far as that; those of `search.state0` too."""
        return bool(self.trial_ids() or self.dense_run(0).trial_ids()) or self.manifest_file.exists()

    @contextmanager
    def driven(self) -> Iterator[int]:
        """Hold the run's lock and begin a new launch; gives the launch's generation number.

        A UserError names the process that drives the run where another does.
        """
        with self.held():
            yield self.begin_launch()

    def begin_launch(self) -> int:
        """The generation number of a new launch, from which on no trial of an earlier one writes. The caller holds the lock."""
        return next_generation(self.path)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the run's lock, as its driver, before anything of the run is changed. UserError as for `driven`."""
        self.path.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.path / ".lock")
        try:
            # A moment's patience: `status` takes the lock for an instant to see whether it is free.
            lock.acquire(timeout=1)
        except Timeout:
            raise UserError(
                f"{self.path}: this run is being driven by process {self.driver() or 'unknown'}; "
                "wait for it or stop it first"
            ) from None
        try:
            atomic.write_text(self._driver_file, f"{os.getpid()} {os.uname().nodename}\n")
            yield
        finally:
            writes.unlink(self._driver_file)
            lock.release()

    def is_driven(self) -> bool:
        """Whether some process holds the run's lock now; asked without writing, as the folder may be read-only."""
        lock_file = self.path / ".lock"
        if not lock_file.exists():
            return False
        try:
            with lock_file.open("rb") as handle:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:  # a file that may not be read, or a file system without locks
            return self._driver_file.exists()
        return False

    def driver(self) -> str | None:
        """`PID` or `PID on HOST` of the process that said it drives the run, if one did and can be read."""
        try:
            pid, host = self._driver_file.read_text(encoding="utf-8").split()
        except (FileNotFoundError, ValueError):  # it has just left, or what it said is damaged
            return None
        return pid if host == os.uname().nodename else f"{pid} on {host}"

    @property
    def _driver_file(self) -> Path:
        return self.path / ".driver"
