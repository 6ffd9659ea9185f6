"""Where an export goes: no folder in use is written over unasked. What a kill can leave there is said in docs/deploying.md."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from models import atomic, writes
from models.errors import UserError
from search.config_file import yaml_file

NAMED = 4
"""Files in use that a message names."""
BEFORE = f".before{atomic.UNFINISHED}"
"""Ends the name of an earlier export's folder while the new one takes its place."""
CACHE = "__pycache__"
"""What Python makes of `preprocessing.py` where load_example.py is run."""


def check_free(out: Path, provenance: Mapping[str, Any], files: Sequence[str]) -> None:
    """UserError where `out` is in use: by anything but an earlier export of this very trial, whose `files` are replaced. An
    earlier export that a kill has left without its name gets it back first."""
    put_right(out)
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
        content: Any = yaml_file.read(study).content
    except (UserError, OSError):
        return {}
    told = content.get("provenance") if isinstance(content, Mapping) else None
    return told if isinstance(told, Mapping) else {}


@contextmanager
def placed(out: Path, files: Sequence[str], at_times: Sequence[str]) -> Iterator[Path]:
    """Give an empty folder beside `out`; on leaving without an error what is in it lies in `out`.

    All at once where nothing but these files is there. Else one file after the other, in the order of `files`, those of
    `at_times` that are not written this time are removed, and nothing else in `out` is touched.
    """
    put_right(out)
    out = out.resolve()
    process = f".{out.name}.{os.getpid()}.{uuid.uuid4().hex[:8]}"
    built, before = (out.with_name(f"{process}{ending}") for ending in (atomic.UNFINISHED, BEFORE))
    built.mkdir(parents=True)
    try:
        yield built
        if _has_others(out, {*files, *at_times, CACHE}):
            _move_files(built, out, files, at_times)
        else:
            _swap(built, out, before)
        atomic.sync_folder(out.parent)
    finally:
        _settle(before, out)
        if built.exists():
            writes.remove_folder(built)


def _has_others(out: Path, ours: Set[str]) -> bool:
    return out.is_dir() and any(path.name not in ours and not atomic.is_unfinished(path) for path in out.iterdir())


def _swap(built: Path, out: Path, before: Path) -> None:
    if out.is_dir():
        writes.move_folder(out, before)
    writes.move_folder(built, out)


def _move_files(built: Path, out: Path, files: Sequence[str], at_times: Sequence[str]) -> None:
    for name in at_times:
        if (built / name).exists():
            writes.replace(built / name, out / name)
        else:
            writes.unlink(out / name)
    for name in files:
        writes.replace(built / name, out / name)
    atomic.sync_folder(out)


def put_right(out: Path) -> None:
    """Give an earlier export its name back where a process that is gone was killed between two renames; what such processes
    have left half built is removed."""
    out = out.resolve()
    pattern = re.compile(
        rf"\.{re.escape(out.name)}\.(\d+)\.[0-9a-f]{{8}}({re.escape(BEFORE)}|{re.escape(atomic.UNFINISHED)})"
    )
    beside = out.parent.iterdir() if out.parent.is_dir() else ()
    for folder in [path for path in beside if path.is_dir()]:
        if not (found := pattern.fullmatch(folder.name)) or _is_alive(int(found[1])):
            continue
        if found[2] == BEFORE:
            _settle(folder, out)
        else:
            writes.remove_folder(folder)


def _settle(before: Path, out: Path) -> None:
    """An earlier export gets its name back, unless there is one that has it: then it is removed, under a name by which what
    is left of it is never taken for whole."""
    if not before.is_dir():
        return
    if out.is_dir() and any(out.iterdir()):
        done = before.with_name(before.name.removesuffix(BEFORE) + atomic.UNFINISHED)
        writes.move_folder(before, done)
        writes.remove_folder(done)
    elif not out.is_file():
        writes.move_folder(before, out)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True
