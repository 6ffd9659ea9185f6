"""One folder of a working copy, and the same objects in the bucket: a trial's, or a run's own files.

The bucket is right wherever it has changed since this machine last saw it. What was written here and has not been sent yet
stays, and is sent next time; but where another machine has gone on with a trial's record, all that was not sent of the trial
is given up.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

from models import atomic, writes
from trainables.files.generation import GENERATION_FILE
from trainables.files.record import RECORD_FILE
from trainables.files.remote.bucket import ANYTHING, Bucket, Entry, Expected
from trainables.files.remote.errors import Changed
from trainables.files.remote.table import Known, changed_table, read_table, stamp_of

AT_ONCE = 16
LAZY = ("states", "checkpoint", "report", "export", "side-by-side")
"""Folders whose objects come to this machine when they are asked for."""
MADE_OF_RECORDS = ("report", "export", "side-by-side")
OF_TRAJECTORY = ("states", "checkpoint")
EVENTS = "events.out.tfevents"
OWN = ("logging", "stages", "superseded", "trials")
"""Folders that stay on this machine, or whose parts are mirrored each by itself."""
STUDY_FILE = "study.yaml"
NOT_SENT = ("checkpoint/previous.safetensors", GENERATION_FILE)
"""An object is replaced whole, so the one before it is not needed; the generation is the launch's to send."""


def is_lazy(name: str) -> bool:
    first = PurePosixPath(name).parts[0]
    return (first in LAZY and "/" in name) or PurePosixPath(name).name.startswith(EVENTS)


class Mirror:
    """`folder` is on this machine; `prefix` its place in the bucket, where that holds more than it."""

    def __init__(self, folder: Path, bucket: Bucket, prefix: str = "") -> None:
        self.folder, self.bucket, self.prefix = folder, bucket, prefix
        self._tried: dict[str, set[bytes]] = {}
        """Of an object that may have been sent without an answer: the contents that were."""

    def entries(self) -> dict[str, Entry]:
        """What the bucket has of it now, by names relative to the folder."""
        start = f"{self.prefix}/" if self.prefix else ""
        return {name.removeprefix(start): entry for name, entry in self.bucket.list(self.prefix).items()}

    def update(
        self, entries: Mapping[str, Entry], wanted: Callable[[str], bool] = lambda name: not is_lazy(name)
    ) -> None:
        """Make the folder as the bucket is; objects that are not `wanted` are only noted."""
        seen = {name: entry for name, entry in entries.items() if _is_mirrored(name)}
        known = read_table(self.folder)
        if (
            all(
                name in known and known[name].version == entry.version and not self._missing(name, wanted)
                for name, entry in seen.items()
            )
            and known.keys() <= seen.keys()
        ):
            return
        with changed_table(self.folder) as table:
            self._forget_removed(table, seen)
            if RECORD_FILE in seen and self._differs(table, RECORD_FILE, seen[RECORD_FILE]):
                self._take_record(table, seen[RECORD_FILE])
            changed = {
                name for name, entry in seen.items() if name != RECORD_FILE and self._differs(table, name, entry)
            }
            kept = {name for name in changed if _of_trajectory(name) and self._is_dirty(table, name)}
            for name in changed:
                table[name] = Known(seen[name].version, None)
                if name not in kept and not wanted(name):
                    writes.unlink(self.folder / name)
            stale = changed - kept
            needed = [name for name in seen if (name in stale and wanted(name)) or self._missing(name, wanted)]
            table.update(self._downloaded({name: seen[name].version for name in needed if name != RECORD_FILE}))

    def push(self, names: Iterable[str] | None = None) -> None:
        """Send what was written here, the record before the rest and the checkpoint last. `names`: only these.

        Changed where the bucket has another version than this machine has seen: another process has written it.
        """
        table = read_table(self.folder)
        for name in sorted(self.local_names() if names is None else names, key=_order):
            path, known = self.folder / name, table.get(name)
            stamp = stamp_of(path)
            if stamp is None or (known is not None and known.stamp == stamp):
                continue
            expected = None if known is None else known.version
            version = self._send(path, name, ANYTHING if _is_made_again(name) else expected)
            with changed_table(self.folder) as now:
                now[name] = Known(version, stamp)

    def is_pending(self, names: Iterable[str]) -> bool:
        """Whether some of these were written here and not sent."""
        table = read_table(self.folder)
        return any(self._is_dirty(table, name) for name in names)

    def fetch(self, name: str) -> bool:
        """Have this object here, as the bucket had it when the folder was last updated. False where it is not there."""
        if (self.folder / name).exists():
            return True
        known = read_table(self.folder).get(name)
        if known is None:
            return False
        with changed_table(self.folder) as table:
            table.update(self._downloaded({name: known.version}))
        return (self.folder / name).exists()

    def has(self, name: str) -> bool:
        """Whether it is here or in the bucket, as far as the last update knows."""
        return (self.folder / name).exists() or name in read_table(self.folder)

    def remove(self, name: str) -> None:
        """Here and in the bucket."""
        writes.unlink(self.folder / name)
        with changed_table(self.folder) as table:
            if table.pop(name, None) is not None:
                self.bucket.delete(self._object(name))

    def _send(self, path: Path, name: str, expected: Expected) -> str:
        """Its version. What an earlier try has sent, whose answer was lost for as long as it was tried, is this one's own."""
        tried = self._tried.setdefault(name, set())
        tried.add(_digest(path.read_bytes()))
        try:
            version = self.bucket.upload(path, self._object(name), expected)
        except Changed:
            there = self.bucket.read(self._object(name))
            if there is None or _digest(there[0]) not in tried:
                raise
            version = self.bucket.upload(path, self._object(name), there[1])
        del self._tried[name]
        return version

    def _object(self, name: str) -> str:
        return f"{self.prefix}/{name}" if self.prefix else name

    def _differs(self, table: Mapping[str, Known], name: str, entry: Entry) -> bool:
        return name not in table or table[name].version != entry.version

    def _missing(self, name: str, wanted: Callable[[str], bool]) -> bool:
        return wanted(name) and not (self.folder / name).exists()

    def _forget_removed(self, table: dict[str, Known], seen: Mapping[str, Entry]) -> None:
        for name in [name for name in table if name not in seen]:
            gone = table.pop(name)
            if stamp_of(self.folder / name) == gone.stamp:
                writes.unlink(self.folder / name)

    def _take_record(self, table: dict[str, Known], entry: Entry) -> None:
        """A record is only added to: one that goes on from the bucket's is ahead of it; any other is behind, and what was
        not sent of its trajectory with it."""
        found = self.bucket.read(self._object(RECORD_FILE), entry.version)
        if found is None:
            return
        path = self.folder / RECORD_FILE
        content, version = found
        here = path.read_bytes() if path.exists() else b""
        if here and here.startswith(content):
            table[RECORD_FILE] = Known(version, stamp_of(path) if here == content else None)
            return
        for name in self.local_names():
            if _of_trajectory(name) and self._is_dirty(table, name):
                writes.unlink(self.folder / name)
        writes.unlink(self.folder / NOT_SENT[0])
        atomic.write_bytes(path, content)
        table[RECORD_FILE] = Known(version, stamp_of(path))

    def _is_dirty(self, table: Mapping[str, Known], name: str) -> bool:
        known, stamp = table.get(name), stamp_of(self.folder / name)
        return stamp is not None and (known is None or known.stamp != stamp)

    def _downloaded(self, versions: Mapping[str, str]) -> dict[str, Known]:
        """Object → what is known of it, now that it is here; without those that are gone."""

        def download(name: str) -> Known | None:
            found = self.bucket.read(self._object(name), versions[name])
            if found is None:
                return None
            atomic.write_bytes(self.folder / name, found[0])
            return Known(found[1], stamp_of(self.folder / name))

        if len(versions) < 2:
            got = [download(name) for name in versions]
        else:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                got = list(pool.map(download, versions))
        return {name: one for name, one in zip(versions, got, strict=True) if one is not None}

    def local_names(self) -> list[str]:
        """What is here of what is mirrored."""
        top = [path for path in self.folder.iterdir() if _is_mirrored(path.name) and not (path / STUDY_FILE).exists()]
        files = [path for one in top for path in (one.rglob("*") if one.is_dir() else (one,)) if path.is_file()]
        names = (path.relative_to(self.folder).as_posix() for path in files)
        return [name for name in names if _is_mirrored(name) and name not in NOT_SENT]


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def _is_mirrored(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return parts[0] not in OWN and not any(part.startswith(".") for part in parts)


def _of_trajectory(name: str) -> bool:
    """Whether the record says of which epoch or state it is."""
    return PurePosixPath(name).parts[0] in OF_TRAJECTORY


def _is_made_again(name: str) -> bool:
    """Whether the newest is as good as any: it is made of the records."""
    return PurePosixPath(name).parts[0] in MADE_OF_RECORDS or name == "optuna.log"


def _order(name: str) -> tuple[int, str]:
    """The record first, the checkpoint after what it goes on with, logs last."""
    if name == RECORD_FILE:
        return 0, name
    first = PurePosixPath(name).parts[0]
    if first == "states":
        return 1, name
    if first == "checkpoint":
        return (3 if name.endswith("latest.safetensors") else 2), name
    return 4, name
