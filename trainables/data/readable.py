"""Which image files cannot be read, found out before anything begins instead of in the night.

Every file is decoded once, which takes minutes for a million images; what was found is kept for as long as no file changes.
"""

from __future__ import annotations

import hashlib
import json
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from itertools import chain
from pathlib import Path

from filelock import FileLock
from torch.utils.data import DataLoader, Dataset

from models import atomic
from models.errors import UserError
from trainables import seeds
from trainables.config.trial import DataConfig
from trainables.data.base import Files, Part
from trainables.data.decoding import BadImage, decode
from trainables.data.sets.fetching import default_root

AT_ONCE = 64
"""Files that a loader process decodes for one answer."""
TOLD_EVERY = 5.0
"""Seconds between two lines of progress."""
NAMED = 5
"""Unreadable files that a message names."""
Unreadable = dict[str, str]
"""File, relative to the data's folder → why it cannot be read."""


def without_unreadable(config: DataConfig, raw: Files) -> Files:
    """`data.on_bad_image: skip`: the files without those that cannot be read, and a warning that counts and names them."""
    bad = unreadable(config, raw)
    if not bad:
        return raw
    named: dict[Part, str] = dict(raw.named)
    left: dict[Part, list[tuple[Path, int]]] = {}
    for part, files in _parts(raw).items():
        left[part] = [(path, label) for path, label in files if _relative(raw, path) not in bad]
        if part in named and len(left[part]) < len(files):
            named[part] += f" ({len(files) - len(left[part])} unreadable left out)"
    told = f"unreadable images: {len(bad)} of {_count(raw)} left out, by data.on_bad_image: skip ({_some(bad)})"
    return replace(
        raw,
        train=left["train"],
        val=left.get("val"),
        test=left.get("test"),
        named=named,
        warnings=(*raw.warnings, told),
    )


def check_readable(config: DataConfig, raw: Files) -> None:
    """UserError where files cannot be read, with their number and the first names, unless they are to be skipped: then they
    are looked for all the same, by who has the time."""
    bad = unreadable(config, raw)
    if bad and config.on_bad_image == "error":
        raise UserError(
            f"{raw.folder}: {len(bad)} of {_count(raw)} images cannot be read ({_some(bad)}); fetch, convert or remove them, "
            "or say data.on_bad_image: skip to leave them out",
            key="data.root",
        )


def unreadable(config: DataConfig, raw: Files) -> Unreadable:
    """Every file that cannot be read; looked for once by however many processes ask."""
    cache = default_root() / "readable" / f"{_version(raw)}.json"
    known = _kept(cache)
    if known is not None:
        return known
    # Where nothing can be kept, as in a folder of somebody else's, it is found out anew.
    with ExitStack() as held, suppress(OSError):
        cache.parent.mkdir(parents=True, exist_ok=True)
        held.enter_context(FileLock(cache.with_suffix(".lock")))
        known = _kept(cache)
        if known is None:
            known = _looked_for(config, raw)
            atomic.write_json(cache, {"folder": str(raw.folder), "images": _count(raw), "unreadable": known})
    return _looked_for(config, raw) if known is None else known


def _kept(cache: Path) -> Unreadable | None:
    try:
        return {
            str(name): str(why) for name, why in json.loads(cache.read_text(encoding="utf-8"))["unreadable"].items()
        }
    except (OSError, ValueError, KeyError, AttributeError):
        return None


def _looked_for(config: DataConfig, raw: Files) -> Unreadable:
    files = [path for path, _ in chain(*_parts(raw).values())]
    chunks = [files[start : start + AT_ONCE] for start in range(0, len(files), AT_ONCE)]
    loader = DataLoader(
        _Reading(chunks),
        batch_size=None,
        num_workers=min(config.workers, len(chunks)),
        generator=seeds.generator(0),
        worker_init_fn=_leave_ctrl_c_to_parent,
    )
    bad: Unreadable = {}
    begun = told = time.monotonic()
    for number, found in enumerate(loader, 1):
        bad.update({_relative(raw, path): why for path, why in found})
        now, done = time.monotonic(), min(number * AT_ONCE, len(files))
        if now - told >= TOLD_EVERY:
            told = now
            left = (now - begun) * (len(files) - done) / done
            _tell(f"looked at {done:,} of {len(files):,} images, {len(bad)} unreadable, {left:.0f} s left")
    return bad


def _leave_ctrl_c_to_parent(worker: int) -> None:
    """Which comes to loader processes too. SIGTERM ends them, by which their parent does so: nothing is lost with them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


class _Reading(Dataset[list[tuple[Path, str]]]):
    """Chunk of files → those of it that cannot be read, and why."""

    def __init__(self, chunks: Sequence[Sequence[Path]]) -> None:
        self._chunks = chunks

    def __len__(self) -> int:
        return len(self._chunks)

    def __getitem__(self, index: int) -> list[tuple[Path, str]]:
        return list(_unreadable_of(self._chunks[index]))


def _unreadable_of(files: Sequence[Path]) -> Iterator[tuple[Path, str]]:
    for path in files:
        try:
            decode(path)
        except BadImage as error:
            yield path, " ".join(str(error.__cause__).split())


def _version(raw: Files) -> str:
    """Of the files' names, sizes and times: another one wherever a file may have changed."""
    digest = hashlib.sha256(str(raw.folder.resolve()).encode())
    for path, _ in sorted(chain(*_parts(raw).values())):
        found = path.stat()
        digest.update(json.dumps([_relative(raw, path), found.st_size, found.st_mtime_ns]).encode() + b"\n")
    return digest.hexdigest()


def _parts(raw: Files) -> dict[Part, Sequence[tuple[Path, int]]]:
    parts: dict[Part, Sequence[tuple[Path, int]] | None] = {"train": raw.train, "val": raw.val, "test": raw.test}
    return {part: files for part, files in parts.items() if files is not None}


def _count(raw: Files) -> str:
    return f"{sum(map(len, _parts(raw).values())):,}"


def _relative(raw: Files, path: Path) -> str:
    return path.relative_to(raw.folder).as_posix()


def _some(bad: Mapping[str, str]) -> str:
    named = "; ".join(f"{name}: {why}" for name, why in sorted(bad.items())[:NAMED])
    return named + (f"; and {len(bad) - NAMED} more" if len(bad) > NAMED else "")


def _tell(line: str) -> None:
    print(f"prunetune: {line}", file=sys.stderr, flush=True)
