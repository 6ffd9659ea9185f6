"""A `.zip` of images, unpacked once: beside it, or where nothing can be written there, into the data folder.

Nothing of it is trusted: an entry that would leave the folder, or that is a link, ends it before anything is written.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import shutil
import stat
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from filelock import FileLock

from models import writes
from models.errors import UserError, WorkFailed
from trainables.data.sets.fetching import default_root

SUFFIX = ".zip"
MACOS = "__MACOSX"
"""A folder that macOS adds, with a file of its own for each image."""
UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)
"""What Python's reader raises of a damaged, encrypted or unknown archive."""


def is_zip(path: Path) -> bool:
    return path.suffix.lower() == SUFFIX and path.is_file()


def unpacked(archive: Path) -> Path:
    """The folder of its files. Another content of the archive makes another folder: the name has a digest of its directory.

    Raises:
        UserError: it is no archive, or one of its entries is not a plain file within it.
        WorkFailed: it is damaged, or there is not enough room; nothing of it is left.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = _entries(archive, opened)
            name = f"{archive.stem}-{_digest(entries)}"
            there = [place / name for place in _places(archive) if (place / name).is_dir()]
            found = next((folder for folder in there if not _missing(folder, entries)), None)
            return found or _unpack(archive, opened, entries, name)
    except UNREADABLE as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise WorkFailed(f"{archive} cannot be unpacked ({reason}); fetch it again", key="data.root") from error


def _places(archive: Path) -> tuple[Path, Path]:
    return archive.absolute().parent, default_root() / "unpacked"


def _entries(archive: Path, opened: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """Its files; UserError for one that is a link, or whose name leads out of the folder."""
    entries = []
    for entry in opened.infolist():
        path = PurePosixPath(entry.filename.replace("\\", "/"))
        drive = bool(path.parts) and path.parts[0].endswith(":")
        if path.is_absolute() or drive or ".." in path.parts:
            raise _refused(archive, entry, "leads out of the folder that it would be unpacked into")
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise _refused(archive, entry, "is a link, or something else that is not a plain file")
        if not entry.is_dir() and MACOS not in path.parts:
            entries.append(entry)
    return entries


def _refused(archive: Path, entry: zipfile.ZipInfo, why: str) -> UserError:
    return UserError(
        f"{archive}: its entry {entry.filename!r} {why}, so nothing was unpacked; unpack it by hand if you trust it, and "
        "point there",
        key="data.root",
    )


def _digest(entries: Sequence[zipfile.ZipInfo]) -> str:
    """Over names, sizes and checksums, which the archive's directory has: no file need be read."""
    listed = sorted([entry.filename, entry.file_size, entry.CRC] for entry in entries)
    return hashlib.sha256(json.dumps(listed).encode()).hexdigest()[:12]


def _missing(folder: Path, entries: Sequence[zipfile.ZipInfo]) -> int:
    """How many of an archive's files its folder lacks by number; what was added there hides as many. Names that a file system
    may take for one count once."""
    names = {str(PurePosixPath(entry.filename)).casefold() for entry in entries}
    return max(0, len(names) - sum(len(files) for _, _, files in os.walk(folder)))


def _unpack(archive: Path, opened: zipfile.ZipFile, entries: Sequence[zipfile.ZipInfo], name: str) -> Path:
    """Into a hidden folder beside the final one, which gets its name once it is whole; one process does it for all. Where there
    is one with files missing it gets these, and keeps all else."""
    place = next((one for one in _places(archive)[:1] if os.access(one, os.W_OK)), _places(archive)[1])
    place.mkdir(parents=True, exist_ok=True)
    size = sum(entry.file_size for entry in entries)
    with FileLock(place / f".{name}.lock"):
        _remove_left_over(place, name)
        missing = _missing(place / name, entries)
        if (place / name).is_dir() and not missing:
            return place / name
        _check_room(archive, place, size)
        again = f" again, for {missing:,} files are missing there" if (place / name).is_dir() else ""
        print(
            f"prunetune: unpacking {archive.name} into {place / name}{again}: {len(entries):,} files, {_size_text(size)}",
            file=sys.stderr,
            flush=True,
        )
        with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=place) as folder:
            whole = Path(folder) / name
            whole.mkdir()
            for entry in entries:
                # Python's own `extract` keeps within the folder too; an entry longer than it says fails its checksum.
                opened.extract(entry, whole)
            if again:
                _add_missing(whole, place / name)
            else:
                writes.move_folder(whole, place / name)
    return place / name


def _add_missing(whole: Path, there: Path) -> None:
    for path in [path for path in whole.rglob("*") if path.is_file()]:
        target = there / path.relative_to(whole)
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            writes.replace(path, target)


def _remove_left_over(place: Path, name: str) -> None:
    """Hidden folders of processes that were killed in unpacking; whoever holds the lock is the only one who has one."""
    for folder in place.glob(f".{glob.escape(name)}-*"):
        if folder.is_dir():
            writes.remove_folder(folder)


def _check_room(archive: Path, place: Path, size: int) -> None:
    free = shutil.disk_usage(place).free
    if size > free:
        raise WorkFailed(
            f"{archive} unpacks to {_size_text(size)}, and {place} has {_size_text(free)} free; free some space, or "
            "unpack it elsewhere and point there",
            key="data.root",
        )


def _size_text(count: int) -> str:
    """Of bytes: `1.24 GB`, `40.0 MB`, `2.1 kB`."""
    if count >= 1e8:
        return f"{count / 1e9:.2f} GB"
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"
