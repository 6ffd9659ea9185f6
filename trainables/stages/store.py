"""Where stages lie: found by key, claimed by the one trial that trains them, published whole, and kept within a bound.

A stage is written under another name and renamed, so it is there whole or not at all. When the claim to it ends without one,
whoever waited for it trains it.
"""

from __future__ import annotations

import errno
import json
import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from models import atomic, writes
from trainables.stages.claims import Claim, Waiting
from trainables.stages.stage import STAGE_FILE, DamagedStage, Stage, add_file, read_stage

PASSING = ".passing-"
ABANDONED = 3600.0
"""Seconds after which nobody writes or removes a folder any more that has not changed."""
GIGABYTE = 1e9
LOOKED_THROUGH = "looked-through"
"""A file in the store, as old as the last look at all its stages where those are more than FEW; it holds how long that took."""
REST, FEW = 20.0, 100
"""Such a look is not repeated for so many times as long: publishing would otherwise cost the more, the more stages there are.
Meanwhile the bound may be exceeded by what is published in that time."""


@dataclass(frozen=True)
class StageStore:
    """`gigabytes` is what its stages may take together; those that were not used for longest go first.

    A file that a trial has under its own name too counts in full, though it takes no room a second time.
    """

    folder: Path
    gigabytes: float
    rewind_epochs: tuple[int, ...] = ()
    """Of state 0: whoever trains it keeps the weights after these, for others to return to."""

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

    def claim(self, key: str, trial: str, rank: int = 0) -> Claim | None:
        """The right to train a stage, for `trial` (`RUN/TRIAL`), until it is released or this process dies; None while another
        has it. Rank 1 is for who trains in place of a silent holder of rank 0, and so on."""
        return Claim.take(self._claim_name(key, rank), trial)

    def waiting(self, key: str, rank: int = 0) -> Waiting:
        """For whom to look at while another has the claim."""
        return Waiting(self._claim_name(key, rank))

    def _claim_name(self, key: str, rank: int) -> Path:
        return self.folder / "locks" / (f"{key}-{rank}" if rank else key)

    def publish(self, key: str, write: Callable[[Path], None]) -> None:
        """Make what `write` puts into a folder the stage of this key, unless there is one. OSError for a full disk."""
        target = self._folder_of(key)
        if (target / STAGE_FILE).exists():
            return
        if target.exists():  # what a process that died in removing it has left
            self.discard(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._passing(key)
        try:
            write(temporary)
            writes.move_folder(temporary, target)
            atomic.sync_folder(target.parent)
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                raise
            return  # another process was faster, and has published the same
        finally:
            writes.remove_folder(temporary)
        self._keep_within_bound(key)

    def add(self, key: str, name: str, source: Path) -> None:
        """Give a stage one more file, unless it has it. OSError for a full disk, or where the stage is gone."""
        add_file(self._folder_of(key), name, source)

    def discard(self, key: str) -> None:
        """Remove a stage, as a whole and at once; who reads it at this moment finds it damaged, and trains."""
        gone = self._passing(key)
        with suppress(FileNotFoundError):  # another process has removed it
            writes.move_folder(self._folder_of(key), gone)
        writes.remove_folder(gone)

    def discard_after_dense_starts(self) -> None:
        """Remove every stage of a state after state 0, and what cannot be read."""
        for file in self._files():
            try:
                is_dense = json.loads(file.read_text(encoding="utf-8"))["end"]["state"] == 0
            except FileNotFoundError:
                continue
            except (ValueError, KeyError, TypeError):  # damaged, and so of no use to anybody
                is_dense = False
            if not is_dense:
                self.discard(file.parent.name)

    def _passing(self, key: str) -> Path:
        """A name for what is being written or removed, which no key finds."""
        return self.folder / key[:2] / f"{PASSING}{key}-{uuid.uuid4().hex[:8]}"

    def _folder_of(self, key: str) -> Path:
        return self.folder / key[:2] / key

    def _keep_within_bound(self, newest: str) -> None:
        if self._was_looked_through():
            return
        began = time.monotonic()
        if self._discard_least_used(newest) > FEW:
            atomic.write_text(self.folder / LOOKED_THROUGH, f"{time.monotonic() - began}\n")

    def _was_looked_through(self) -> bool:
        """Whether the last look at all stages, by whichever process, is too recent for its length to be repeated."""
        file = self.folder / LOOKED_THROUGH
        try:
            took, age = float(file.read_text(encoding="utf-8")), time.time() - file.stat().st_mtime
        except (OSError, ValueError):
            return False
        return 0 <= age < REST * took

    def _discard_least_used(self, newest: str) -> int:
        """Until the bound is kept; returns how many stages there were."""
        self._clear_up()
        stages = sorted(self._stages(), key=lambda one: one[1])
        total = sum(size for _, _, size in stages)
        for key, _, size in stages:
            if total <= self.gigabytes * GIGABYTE:
                break
            if key != newest:
                self.discard(key)
                total -= size
        return len(stages)

    def _clear_up(self) -> None:
        """Remove what processes that died in writing or removing have left behind."""
        for folder in self.folder.glob(f"??/{PASSING}*"):
            with suppress(FileNotFoundError):
                if time.time() - folder.stat().st_mtime > ABANDONED:
                    writes.remove_folder(folder)

    def _stages(self) -> Iterator[tuple[str, float, int]]:
        """Key, when it was last used, and bytes of each; what another process removes meanwhile is left out."""
        for file in self._files():
            with suppress(FileNotFoundError):
                used = file.stat().st_mtime
                yield file.parent.name, used, sum(one.stat().st_size for one in file.parent.iterdir())

    def _files(self) -> list[Path]:
        """What says of each published stage what it is."""
        found = self.folder.glob(f"??/*/{STAGE_FILE}")
        return [file for file in found if not file.parent.name.startswith(PASSING)]
