"""Where an export goes: no folder in use is written over unasked, and a kill leaves a whole export there, or what was there."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from models import atomic, writes
from models.errors import UserError
from search.config_file import yaml_file

NAMED = 4
"""Files in use that a message names."""


def check_free(out: Path, provenance: Mapping[str, Any], files: Sequence[str]) -> None:
    """UserError where `out` is in use: by anything but an earlier export of this very trial, whose `files` are replaced."""
    if not out.exists():
        return
    if not out.is_dir():
        raise UserError(f"--out: {out} is a file; name a folder")
    there = sorted(path.name for path in out.iterdir() if not atomic.is_unfinished(path))
    if not there or _is_of(out / "best.yaml", provenance):
        return
    more = f" and {len(there) - NAMED} more" if len(there) > NAMED else ""
    ours = sorted(set(there) & set(files))
    then = f"replaces {', '.join(ours)} there and leaves" if ours else "writes beside them and leaves"
    raise UserError(
        f"--out: {out} is in use: {', '.join(there[:NAMED])}{more}{_whose(out / 'best.yaml')}; name another folder, or give "
        f"--force, which {then} all else as it is"
    )


def _is_of(study: Path, provenance: Mapping[str, Any]) -> bool:
    told = _provenance(study)
    return bool(told) and _trial_of(told) == _trial_of(provenance)


def _trial_of(provenance: Mapping[str, Any]) -> list[Any]:
    """What is equal where two exports are of one trial: run, trial, seed, data, and the numbers that it came to."""
    data, expected = (provenance.get(part) or {} for part in ("data", "expected"))
    numbers = [expected.get(key) for key in ("last_state", "val_accuracy", "test_accuracy")]
    return [*(provenance.get(key) for key in ("run", "trial", "seed")), data.get("digest"), *numbers]


def _whose(study: Path) -> str:
    told = _provenance(study)
    return f" (an export of {told.get('trial')} of the run {told.get('run')})" if told else ""


def _provenance(study: Path) -> Mapping[str, Any]:
    """Of the export that this study file belongs to; nothing where it belongs to none, or cannot be read."""
    try:
        told = yaml_file.read(study).content.get("provenance")
    except (UserError, OSError):
        return {}
    return told if isinstance(told, Mapping) else {}


@contextmanager
def placed(out: Path, files: Sequence[str], at_times: Sequence[str]) -> Iterator[Path]:
    """Give an empty folder beside `out`; on leaving without an error what is in it lies in `out`.

    All at once where nothing is there; else one file after the other, in the order of `files`, and those of `at_times` that are
    not written this time are removed. Nothing else in `out` is touched.
    """
    out = out.resolve()
    _remove_left_over(out)
    built = out.with_name(f".{out.name}.{os.getpid()}.{uuid.uuid4().hex[:8]}{atomic.UNFINISHED}")
    built.mkdir(parents=True)
    try:
        yield built
        if out.is_dir() and any(out.iterdir()):
            _move_files(built, out, files, at_times)
        else:
            writes.move_folder(built, out)
        atomic.sync_folder(out.parent)
    finally:
        if built.exists():
            writes.remove_folder(built)


def _move_files(built: Path, out: Path, files: Sequence[str], at_times: Sequence[str]) -> None:
    for name in at_times:
        if (built / name).exists():
            writes.replace(built / name, out / name)
        else:
            writes.unlink(out / name)
    for name in files:
        writes.replace(built / name, out / name)
    atomic.sync_folder(out)


def _remove_left_over(out: Path) -> None:
    """What processes that are gone have left half built."""
    pattern = re.compile(rf"\.{re.escape(out.name)}\.(\d+)\.[0-9a-f]{{8}}{re.escape(atomic.UNFINISHED)}")
    beside = out.parent.iterdir() if out.parent.is_dir() else ()
    for folder in [path for path in beside if path.is_dir()]:
        if (found := pattern.fullmatch(folder.name)) and not _is_alive(int(found[1])):
            writes.remove_folder(folder)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True
