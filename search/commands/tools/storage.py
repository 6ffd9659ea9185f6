"""The runs in a storage: a folder, or a place in a bucket."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from models.errors import UserError
from search.run.folder import RunFolder
from trainables.files.remote.address import bucket_of, opened_copies, url_of
from trainables.files.remote.bucket import Bucket
from trainables.files.remote.mirror import STUDY_FILE
from trainables.files.remote.run_mirror import RunMirror

BESIDE_STUDY = ("manifest.json", "trials")
OF_A_RUN = (STUDY_FILE, *BESIDE_STUDY)
"""By one of these a folder is known as a run's; without its study it cannot be read."""


def runs_in(storage: Path, *, events: bool = False) -> list[RunFolder]:
    """The runs by name, those in a bucket as they are there now; with `events` TensorBoard's files, too.

    UserError where there is no such folder.
    """
    url = bucket_of(storage / STUDY_FILE)
    on_this_machine = storage if url is None else _folder_of(url)
    if on_this_machine is not None and not on_this_machine.is_dir():
        raise UserError(
            f"{url or storage}: no folder is here; give one that holds runs (`prunetune sweep` makes runs/)"
        )
    if url is not None:
        runs = [RunFolder(storage / name) for name in _names_in_bucket(url)]
        for run in runs:
            run.update(events=events)
        return runs
    folders = {path.parent for name in OF_A_RUN for path in storage.glob(f"*/{name}")}
    return [RunFolder(folder.resolve()) for folder in sorted(folders)]


def is_run(path: Path) -> bool:
    """Whether a folder on this machine is a run itself, and holds none."""
    return url_of(path) is None and (path / STUDY_FILE).exists() and any((path / one).exists() for one in BESIDE_STUDY)


def _folder_of(url: str) -> Path | None:
    """The folder that a URL of this machine's files names."""
    return Path(unquote(urlsplit(url).path)) if url.startswith("file:") else None


def as_storage(path: Path) -> Path | None:
    """The storage that a path means which may be a run's as well; None where it is a run, or neither."""
    url = url_of(path)
    if url is None:
        is_run = (path / STUDY_FILE).exists()
        return path if not is_run and next(path.glob(f"*/{STUDY_FILE}"), None) is not None else None
    mirror = RunMirror.of(path)
    assert mirror is not None, "it has a URL"
    mirror.fetch_study()
    if (path / STUDY_FILE).exists() or not _names_in_bucket(url):
        return None
    return opened_copies(url)


def size_on_disk(folder: Path) -> int:
    """Bytes of all files below a folder; what several names share counts once."""
    seen: set[tuple[int, int]] = set()
    total, folders = 0, [str(folder)]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                    continue
                status = entry.stat(follow_symlinks=False)
                if (status.st_dev, status.st_ino) not in seen:
                    seen.add((status.st_dev, status.st_ino))
                    total += status.st_size
    return total


def _names_in_bucket(url: str) -> list[str]:
    names = (name.split("/") for name in Bucket(url).list())
    return sorted(parts[0] for parts in names if len(parts) == 2 and parts[1] == STUDY_FILE)
