"""The right to drive a run in a bucket: an object that is made only where there is none, and written again as a sign of life.

How old a sign is, is told by the server's clock. There is no lock, so what decides are the lease and its age (`rules.py`).
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

from models.errors import UserError
from search.run.driving.hold import Hold
from search.run.driving.lease import LEASE_FILE, Lease, Sign
from search.run.driving.rules import BEAT, Seen
from trainables.files.generation import Fenced
from trainables.files.remote.bucket import Bucket
from trainables.files.remote.errors import Changed
from trainables.files.remote.run_mirror import RunMirror


@dataclass(frozen=True)
class BucketSign(Sign):
    """The lease as it lies in the bucket, of which version it is, and whose clock dates it."""

    version: str
    bucket: Bucket

    @cached_property
    def age(self) -> float:
        """Seconds since it was written; by this machine's clock where nothing may be written there."""
        try:
            now = self.bucket.now()
        except UserError:
            now = time.time()
        return max(0.0, now - self.touched)


def bucket_sign(mirror: RunMirror) -> BucketSign | None:
    """The lease of a run in a bucket, or None."""
    entry = mirror.bucket.look(LEASE_FILE)
    content = None if entry is None else mirror.bucket.content(LEASE_FILE)
    if entry is None or content is None:
        return None
    return BucketSign(mirror.folder / LEASE_FILE, content, entry.modified, entry.version, mirror.bucket)


def look_into_bucket(mirror: RunMirror) -> Seen:
    """Who drives a run in a bucket."""
    return Seen(mirror.folder, "none", bucket_sign(mirror))


class BucketHold(Hold):
    """Use `hold_in_bucket`."""

    def __init__(self, mirror: RunMirror, content: bytes, version: str) -> None:
        self._mirror, self._version = RunMirror(mirror.folder, mirror.bucket.url), version
        self._bucket = self._mirror.bucket
        self._bucket.patience = BEAT
        super().__init__(mirror.folder, content, None)

    def _let_go(self) -> None:
        if self._bucket.content(LEASE_FILE) == self._content:
            self._bucket.delete(LEASE_FILE)

    def _looked(self) -> str | None:
        """As in a folder: a sign of life, unless the lease or a newer launch is another's."""
        try:
            try:
                self._version = self._bucket.write(LEASE_FILE, self._content, self._version)
            except Changed:
                return self._taken_by()
            return self._newer_launch()
        except (Changed, UserError):
            return None  # a bucket that is away for a moment: the next beat tells

    def _taken_by(self) -> str | None:
        entry, content = self._bucket.look(LEASE_FILE), self._bucket.content(LEASE_FILE)
        if entry is not None and content is not None:
            return f"process {Sign(self._folder / LEASE_FILE, content, entry.modified)} has taken this run over"
        if (newer := self._newer_launch()) is not None:
            return newer
        self._version = self._bucket.write(LEASE_FILE, self._content, None)
        return None

    def _read_generation(self) -> int:
        if self._newest is not None:
            with suppress(Fenced):  # then the newest is noted in the folder, too
                self._mirror.check_generation(self._newest)
        return super()._read_generation()


def hold_in_bucket(mirror: RunMirror, *, take_over: bool = False) -> Hold:
    """As `Hold.take`, for a run in a bucket."""
    content, seen = Lease.of_this_process().to_bytes(), look_into_bucket(mirror)
    if (refusal := seen.refusal(take_over)) is not None:
        raise UserError(refusal)
    sign = seen.sign
    try:
        version = mirror.bucket.write(LEASE_FILE, content, sign.version if isinstance(sign, BucketSign) else None)
    except Changed:
        raise UserError(
            look_into_bucket(mirror).refusal(take_over)
            or f"{mirror.bucket}: another process began to drive this run at this moment; try again"
        ) from None
    return BucketHold(mirror, content, version)
