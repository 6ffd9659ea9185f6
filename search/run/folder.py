"""A run's folder: where its files are, who drives it, and its launches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from models.errors import UserError
from search.run.driving.bucket_hold import hold_in_bucket, look_into_bucket
from search.run.driving.hold import Hold, TakenOver
from search.run.driving.rules import Seen, look
from search.study.dense_recipe import DENSE_ARM
from search.study.sections import ResourcesConfig
from trainables.files.generation import Fence, Fenced, Guard, next_generation
from trainables.files.record import RECORD_FILE, read_record
from trainables.files.remote.address import url_of
from trainables.files.remote.errors import Changed
from trainables.files.remote.retrying import PATIENCE
from trainables.files.remote.run_mirror import BucketFence, RunMirror
from trainables.files.remote.trial_mirror import whole_patience
from trainables.files.request import REQUEST_FILE
from trainables.files.turn import launch_of


@dataclass(frozen=True)
class RunFolder:
    """The folder of one study's run."""

    path: Path

    @classmethod
    def existing(cls, path: Path) -> RunFolder:
        """The run at `path`; a UserError where there is none."""
        run = cls(path.resolve())
        run.update()
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

    def is_since_last_launch(self, last: Path) -> bool:
        """Whether `last`, which is written after all that belongs to it, came after the run's last launch: who was killed in
        writing, or between the two, has left an older one, or none. Without a manifest nobody can tell."""
        if not (last.exists() and self.manifest_file.exists()):
            return last.exists()
        return last.stat().st_mtime_ns >= self.manifest_file.stat().st_mtime_ns

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
    def driven(self, *, take_over: bool = False) -> Iterator[int]:
        """Hold the run and begin a new launch; gives the launch's generation number. UserError as for `held`."""
        with self.held(take_over=take_over) as hold:
            record = read_record(self.path)  # where this is a single trial's own folder
            newest = launch_of(record.reached.generation) if record else 0
            yield hold.launch(partial(self.begin_launch, newest))

    def begin_launch(self, after: int = 0) -> int:
        """The generation number of a new launch, from which on no trial of an earlier one writes. The caller holds the run.

        `after` is the newest in its records.
        """
        mirror = self.mirror()
        return next_generation(self.path, after) if mirror is None else mirror.begin_launch(after)

    def fence(self, generation: int) -> Guard:
        """What a launch asks before each of its writes."""
        mirror = self.mirror(whole_patience())
        return Fence(self.path, generation) if mirror is None else BucketFence(mirror, generation)

    def mirror(self, patience: float = PATIENCE) -> RunMirror | None:
        """The run in a bucket that this folder is the working copy of; None for a run that is in none.

        `patience`: the seconds for which a request that fails is made again, at most.
        """
        found = RunMirror.of(self.path)
        if found is not None:
            found.bucket.patience = min(patience, whole_patience())
        return found

    @property
    def address(self) -> str:
        """What a command is given to find the run: its URL, or this folder."""
        return url_of(self.path) or str(self.path)

    def update(self, *, events: bool = False) -> None:
        """Make the working copy of a run in a bucket as the bucket is; with `events` TensorBoard's files, too."""
        if (mirror := self.mirror()) is not None:
            mirror.update(events=events)

    def publish(self, *names: str) -> None:
        """Send what was written here to the bucket of a run that is in one: these of its own files, or all.

        UserError where another process has written one of them since they were last seen.
        """
        if (mirror := self.mirror(whole_patience())) is None:
            return
        try:
            mirror.own.push(names or None)
        except Changed as error:
            raise UserError(
                f"{self.address}/{error}: another process has written it at this moment; give the same command again"
            ) from None

    @contextmanager
    def held(self, *, take_over: bool = False) -> Iterator[Hold]:
        """Hold the run, as its driver, before anything of it is changed.

        UserError where another process drives it; `take_over` says that a machine which gives no sign of life is gone.
        TakenOver where a write has been fenced.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        mirror = self.mirror()
        hold = (
            Hold.take(self.path, take_over=take_over) if mirror is None else hold_in_bucket(mirror, take_over=take_over)
        )
        try:
            yield hold
        except Fenced as error:
            raise TakenOver(str(error)) from None
        finally:
            hold.release()

    def check_free(self, *, take_over: bool = False) -> None:
        """UserError where `held` would refuse now; asked before anything is written."""
        refusal = self.seen().refusal(take_over)
        if refusal is not None:
            raise UserError(refusal)

    def seen(self) -> Seen:
        """Who drives the run, as far as can be seen from here."""
        mirror = self.mirror()
        return look(self.path) if mirror is None else look_into_bucket(mirror)

    def is_driven(self) -> bool:
        """Whether some process drives the run now, as far as can be seen from here."""
        return self.seen().is_driven
