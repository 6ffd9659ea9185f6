"""Files that may be in a run's bucket alone: asked for, brought here, removed. Of a run in a folder they just are files."""

from __future__ import annotations

from pathlib import Path

from models import writes
from trainables.files.remote.address import on_this_machine
from trainables.files.remote.mirror import STUDY_FILE, Mirror
from trainables.files.remote.run_mirror import RunMirror


def is_there(path: Path) -> bool:
    """Here, or in the bucket as far as the last look at it knows."""
    if path.exists():
        return True
    found = _mirrored(path)
    return found is not None and found[0].has(found[1])


def fetched(path: Path) -> Path:
    """Where the file is on this machine, brought here if need be; where it would be, if it is nowhere."""
    path = on_this_machine(path)
    if not path.exists() and (found := _mirrored(path)) is not None:
        mirror, name = found
        if not mirror.has(name):
            mirror.update(mirror.entries())
        mirror.fetch(name)
    return path


def remove(path: Path) -> None:
    """Here and in the bucket; one that is not there is no mistake."""
    found = _mirrored(path)
    if found is not None:
        found[0].remove(found[1])
    writes.unlink(path)


def _mirrored(path: Path) -> tuple[Mirror, str] | None:
    """The mirror of the trial, or of the run, that a file belongs to, and its name there; None where it is in no bucket."""
    run = next((folder for folder in path.parents if (folder / STUDY_FILE).exists()), None)
    found = None if run is None else RunMirror.of(run)
    if run is None or found is None:
        return None
    pieces = path.relative_to(run).parts
    if pieces[0] == "trials" and len(pieces) > 2:
        trial = run / pieces[0] / pieces[1]
        return found.trial(trial), path.relative_to(trial).as_posix()
    return found.own, path.relative_to(run).as_posix()
