"""A record read on from where it was read before, without what takes room in it: see `unread.py`.

A record grows by whole lines. Where a trial has gone on from an earlier checkpoint it is read anew, since less of it may count
(`overtaken.py`), as is another file in its place, or one that became shorter. A last line that is still being written, or was
torn off, is left for the next look.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO, cast

from trainables.files.overtaken import BEGINS, Reached, counted, without_generation
from trainables.files.record import ReadTo, StateEnd, TrialRecord
from trainables.files.shortened import short_values
from trainables.files.unread import UnreadEpochs, UnreadStructure

REMEMBERED = 256
"""Bytes before the place that a record was read to, by which another file in its stead is known."""


class Room(threading.local):
    """A thread's memory for one record after another: in new memory each page costs more than to read it."""

    def __init__(self) -> None:
        self._content = bytearray()

    def read(self, file: BinaryIO, start: int, stop: int) -> tuple[bytearray, int]:
        """Content that holds a file's bytes from `start` to `stop` until the next is read, and how many of them there were."""
        wanted = max(0, stop - start)
        if len(self._content) < wanted:
            self._content = bytearray(wanted)
        file.seek(start)
        with memoryview(self._content)[:wanted] as room:
            return self._content, cast(BufferedReader, file).readinto(room)


ROOM = Room()


@dataclass(frozen=True)
class Grown:
    """What a look at a record found: its whole lines from number `first` on, counted from 1, and how far it has been read."""

    lines: list[dict[str, Any]]
    first: int
    read_to: ReadTo


def read_on(path: Path, read_to: ReadTo | None) -> Grown:
    """The lines that were added since, as `short_values` has them; all of them where nothing is known of the file, where it
    is another one, or where the trial has gone on since. JSONDecodeError where a line is none.
    """
    with path.open("rb") as file:
        read_to = read_to if read_to and _is_same(file, read_to) else None
        status = os.fstat(file.fileno())
        content, size = ROOM.read(file, read_to.size if read_to else 0, status.st_size)
    size = content.rfind(b"\n", 0, size) + 1
    lines = short_values(content, size)
    if read_to is not None and any(isinstance(line, dict) and line.get("kind") in BEGINS for line in lines):
        return read_on(path, None)
    before = read_to or ReadTo(status.st_dev, status.st_ino, 0, 0, b"")
    last = (before.last + content[max(0, size - REMEMBERED) : size])[-REMEMBERED:]
    now = replace(before, size=before.size + size, lines=before.lines + len(lines), last=last)
    return Grown(lines, before.lines + 1, now)


def _is_same(file: BinaryIO, read_to: ReadTo) -> bool:
    """Whether what was read is still there. A new file may get the number of one that is gone, hence the bytes."""
    status = os.fstat(file.fileno())
    if (status.st_dev, status.st_ino) != (read_to.device, read_to.inode) or status.st_size < read_to.size:
        return False
    file.seek(read_to.size - len(read_to.last))
    return file.read(len(read_to.last)) == read_to.last


def outline(path: Path, grown: Grown, known: TrialRecord | None) -> TrialRecord | None:
    """The record as far as it goes now: what was `known` of it, if that is still there, and what has been added. None
    where there is no whole line."""
    reached, launches = (Reached(), ()) if known is None else (known.reached, known.launches)
    found = counted(grown.lines, Reached() if grown.first == 1 else reached)
    lines = [without_generation(grown.lines[place]) for place in found.places]
    if grown.first == 1:
        if not lines:
            return None
        known, launches = TrialRecord(path.parent, lines[0], (), [], None), found.launches
        lines = lines[1:]
    assert known is not None, "only what is known is read on"
    epochs = [line for line in lines if line["kind"] == "epoch"]
    ends = [line for line in lines if line["kind"] == "end"]
    return replace(
        known,
        epochs=UnreadEpochs(path, len(known.epochs) + len(epochs)),
        epochs_taken_over=known.epochs_taken_over + sum("taken_from" in line for line in epochs),
        states=[*known.states, *_ends_of_states(path, lines)],
        end=ends[-1] if ends else known.end,
        reached=found.reached,
        launches=launches,
        read_to=grown.read_to,
    )


def _ends_of_states(path: Path, lines: list[dict[str, Any]]) -> Iterator[StateEnd]:
    for line in lines:
        if line["kind"] != "state":
            continue
        unread = line.get("structure", {}) is None
        yield StateEnd.from_json({**line, "structure": UnreadStructure(path, line["state"])} if unread else line)
