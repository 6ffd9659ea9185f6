"""Where stages lie: found by key, claimed by the one trial that trains them, published whole, and kept within a bound.

A stage is written under another name and renamed, so it is there whole or not at all. A claim is a lock that the system lets go
when the process that holds it dies; whoever waited for the stage then trains it.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from models import atomic
from trainables.stages.stage import STAGE_FILE, DamagedStage, Stage, read_stage, second_name

UNFINISHED = ".unfinished-"
GIGABYTE = 1e9


@dataclass(frozen=True)
class StageStore:
    """`gigabytes` is what its stages may take together; those that were not used for longest go first.

    A file that a trial has under its own name too counts in full, though it takes no room a second time.
    """

    folder: Path
    gigabytes: float

    def find(self, key: str) -> Stage | None:
        """The stage, noted as used now. None where there is none; a damaged one is removed and is none."""
        folder = self._folder_of(key)
        try:
            stage = read_stage(folder)
        except DamagedStage:
            self.discard(key)
            return None
        if stage is not None:
            with suppress(OSError):  # read by its key all the same, only forgotten earlier
                os.utime(folder / STAGE_FILE)
        return stage

    def claim(self, key: str) -> FileLock | None:
        """The right to train a stage, until it is released or this process dies; None while another has it."""
        locks = self.folder / "locks"
        locks.mkdir(parents=True, exist_ok=True)
        lock = FileLock(locks / f"{key}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return None
        return lock

    def publish(self, key: str, write: Callable[[Path], None]) -> None:
        """Make what `write` puts into a folder the stage of this key, unless there is one. OSError for a full disk."""
        target = self._folder_of(key)
        if (target / STAGE_FILE).exists():
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.parent / f"{UNFINISHED}{key}-{uuid.uuid4().hex[:8]}"
        try:
            write(temporary)
            os.rename(temporary, target)
            atomic.sync_folder(target.parent)
        except FileExistsError:
            return  # another process was faster, and has published the same
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        self._keep_within_bound(key)

    def add(self, key: str, name: str, source: Path) -> None:
        """Give a stage one more file, unless it has it. OSError for a full disk, or where the stage is gone."""
        target = self._folder_of(key) / name
        if not target.exists():
            second_name(source, target)

    def discard(self, key: str) -> None:
        """Remove a stage; who reads it at this moment finds it damaged, and trains."""
        shutil.rmtree(self._folder_of(key), ignore_errors=True)

    def _folder_of(self, key: str) -> Path:
        return self.folder / key[:2] / key

    def _keep_within_bound(self, newest: str) -> None:
        stages = sorted(self._stages(), key=lambda one: one[1])
        total = sum(size for _, _, size in stages)
        for key, _, size in stages:
            if total <= self.gigabytes * GIGABYTE:
                return
            if key != newest:
                self.discard(key)
                total -= size

    def _stages(self) -> Iterator[tuple[str, float, int]]:
        """Key, when it was last used, and bytes of each; what another process removes meanwhile is left out."""
        for file in self.folder.glob(f"??/*/{STAGE_FILE}"):
            if not file.parent.name.startswith(UNFINISHED):
                with suppress(FileNotFoundError):
                    used = file.stat().st_mtime
                    yield file.parent.name, used, sum(one.stat().st_size for one in file.parent.iterdir())
