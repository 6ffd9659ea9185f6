"""A record read on from where it was read before, without what takes room in it: see `unread.py`.

A record grows by whole lines. Where a trial goes on from an earlier checkpoint another file takes its place, which is read
anew, as is one that became shorter. A last line that is still being written, or was torn off, is left for the next look.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from trainables.files.record import ReadTo, StateEnd, TrialRecord, parsed_lines
from trainables.files.unread import UnreadEpochs, UnreadStructure

EPOCH = re.compile(rb'\{"kind":"epoch","state":\d+,"epoch":\d+(?=,)')
STATE = re.compile(rb'\{"kind":"state","state":\d+,')
END = b'{"kind":"end",'
STRUCTURE, AFTER = b',"structure":{"', b'}},"taken_from":'
"""Where a structure begins, and its end with the key that comes after it. Within a text quotation marks are escaped, so none
looks like these; and a line that is cut from a like-named key of an inner part on is no JSON any more."""
LAST = b"]}}}"
"""How a line of version 0.1.0 ends, in which nothing comes after the structure."""
TAKEN = b',"taken_from":"'
BRACE = ord("}")
REMEMBERED = 256
"""Bytes before the place that a record was read to, by which another file in its stead is known."""


@dataclass(frozen=True)
class Grown:
    """What a look at a record found: its whole lines from number `first` on, counted from 1, and how far it has been read."""

    lines: list[dict[str, Any]]
    first: int
    read_to: ReadTo


def read_on(path: Path, read_to: ReadTo | None) -> Grown:
    """The lines that were added since; all of them where nothing is known of the file, or where it is another one.

    Structures are left out of states' lines (None), and of the epochs of a trial that has ended only state, number, and
    whether they were taken over are there. JSONDecodeError where a line is none.
    """
    with path.open("rb") as file:
        read_to = read_to if read_to and _is_same(file, read_to) else None
        file.seek(read_to.size if read_to else 0)
        content, status = file.read(), os.fstat(file.fileno())
    content = content[: content.rfind(b"\n") + 1]
    lines = _read_short(content)
    before = read_to or ReadTo(status.st_dev, status.st_ino, 0, 0, b"")
    last = (before.last + content[-REMEMBERED:])[-REMEMBERED:]
    now = replace(before, size=before.size + len(content), lines=before.lines + len(lines), last=last)
    return Grown(lines, before.lines + 1, now)


def _is_same(file: BinaryIO, read_to: ReadTo) -> bool:
    """Whether what was read is still there. A new file may get the number of one that is gone, hence the bytes."""
    status = os.fstat(file.fileno())
    if (status.st_dev, status.st_ino) != (read_to.device, read_to.inode) or status.st_size < read_to.size:
        return False
    file.seek(read_to.size - len(read_to.last))
    return file.read(len(read_to.last)) == read_to.last


def _read_short(content: bytes) -> list[dict[str, Any]]:
    ended = content.startswith(END, content.rfind(b"\n", 0, -1) + 1)
    try:
        return parsed_lines([line for line in _short_lines(content, ended) if line.strip()])
    except ValueError:
        # The lines as they stand say what is wrong.
        return parsed_lines([line for line in content.split(b"\n") if line.strip()])


def _short_lines(content: bytes, ended: bool) -> Iterator[bytes]:
    start = 0
    while (stop := content.find(b"\n", start)) >= 0:
        yield _shortened(content, start, stop, ended)
        start = stop + 1


def _shortened(content: bytes, start: int, stop: int, ended: bool) -> bytes:
    """The line between two places with less in it, or as it is where it is not written as records are."""
    if STATE.match(content, start):
        first, last = content.find(STRUCTURE, start, stop), content.rfind(AFTER, start, stop)
        if last < 0 and content.endswith(LAST, start, stop):
            last = stop - 3
        if not 0 <= first < last:
            return content[start:stop]
        return content[start:first] + b',"structure":null' + content[last + 2 : stop]
    epoch = EPOCH.match(content, start) if ended and content[stop - 1] == BRACE else None
    if epoch is None:
        return content[start:stop]
    return epoch[0] + (b',"taken_from":""}' if content.find(TAKEN, start, stop) >= 0 else b"}")


def outline(path: Path, grown: Grown, known: TrialRecord | None) -> TrialRecord | None:
    """The record as far as it goes now: what was `known` of it, if that is still there, and what has been added. None
    where there is no whole line."""
    lines = grown.lines
    if grown.first == 1:
        if not lines:
            return None
        known, lines = TrialRecord(path.parent, lines[0], (), [], None), lines[1:]
    assert known is not None, "only what is known is read on"
    epochs = [line for line in lines if line["kind"] == "epoch"]
    ends = [line for line in lines if line["kind"] == "end"]
    return replace(
        known,
        epochs=UnreadEpochs(path, len(known.epochs) + len(epochs)),
        epochs_taken_over=known.epochs_taken_over + sum("taken_from" in line for line in epochs),
        states=[*known.states, *_ends_of_states(path, lines)],
        end=ends[-1] if ends else known.end,
        read_to=grown.read_to,
    )


def _ends_of_states(path: Path, lines: list[dict[str, Any]]) -> Iterator[StateEnd]:
    for line in lines:
        if line["kind"] != "state":
            continue
        unread = line.get("structure", {}) is None
        yield StateEnd.from_json({**line, "structure": UnreadStructure(path, line["state"])} if unread else line)
