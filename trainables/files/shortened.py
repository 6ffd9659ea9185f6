"""A record's lines with less in them: read at once, without what takes room and is looked at seldom (`unread.py`)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from trainables.files.json_lines import parsed_lines

EPOCH = re.compile(rb'\{"kind":"epoch","state":\d+,"epoch":\d+(?=,)')
STATE = re.compile(rb'\{"kind":"state","state":\d+,')
END = b'{"kind":"end",'
STRUCTURE, AFTER = b',"structure":{"', b'}},"taken_from":'
"""Where a structure begins, and its end with the key that comes after it. Within a text quotation marks are escaped, so none
looks like these; and a line that is cut from a like-named key of an inner part on is no JSON any more."""
LAST = b"]}}}"
"""How a line of version 0.1.0 ends, in which nothing comes after the structure."""
TAKEN = b',"taken_from":"'
GENERATION = b',"generation":'
"""The last key of a line, where there is one."""
BRACE = ord("}")


def whole_lines(content: bytes) -> list[bytes]:
    """The lines of a record that hold something, without a last one that was torn off."""
    return [line for line in content.split(b"\n")[:-1] if line.strip()]


def short_values(content: bytes | bytearray, size: int | None = None) -> list[dict[str, Any]]:
    """What `whole_lines` hold, of content whose first `size` bytes, or all, end with a line's end.

    Structures are left out of states' lines (None), and of the epochs of a trial that has ended only state, number,
    generation, and whether they were taken over are there. JSONDecodeError where a line is none.
    """
    size = len(content) if size is None else size
    ended = content.startswith(END, content.rfind(b"\n", 0, max(0, size - 1)) + 1)
    try:
        return parsed_lines([line for line in _short_lines(content, size, ended) if line.strip()])
    except ValueError:
        # The lines as they stand say what is wrong.
        return parsed_lines(whole_lines(bytes(content[:size])))


def _short_lines(content: bytes | bytearray, size: int, ended: bool) -> Iterator[bytes | bytearray]:
    start = 0
    while (stop := content.find(b"\n", start, size)) >= 0:
        yield _shortened(content, start, stop, ended)
        start = stop + 1


def _shortened(content: bytes | bytearray, start: int, stop: int, ended: bool) -> bytes | bytearray:
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
    taken = b',"taken_from":""' if content.find(TAKEN, start, stop) >= 0 else b""
    return epoch[0] + taken + _generation(content, epoch.end(), stop) + b"}"


def _generation(content: bytes | bytearray, start: int, stop: int) -> bytes:
    """The line's last key with its value, where that is its generation."""
    place = content.rfind(GENERATION, start, stop)
    number = content[place + len(GENERATION) : stop - 1] if place >= 0 else b""
    return GENERATION + number if number.isdigit() else b""
