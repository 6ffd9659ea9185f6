"""Study files whose text was changed: lines, indentation, single characters and bytes, and what YAML has beyond plain data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from tests.search.study.fuzzing.files import FILES

Draw = Callable[[st.SearchStrategy[Any]], Any]

PIECES = (
    "\ufeff", "\0", "\t", "  ", "\x85", "\u2028", "\ud7ff", "é", "🦆", "\r", "\n", "\n\n---\n", "\n...\n",
    "%YAML 1.1\n---\n", "%TAG ! tag:x,2000:\n---\n", "&a ", "*a", "<<: *a\n", "? ", ": ", "- ", ", ", "#", " #", "'",
    '"', "|", ">", "{", "}", "[", "]", "@", "`", "%", "!", "!!python/object:os.system ", "!!python/name:os.system ",
    "!!binary ", "!!set ", "!!omap ", "!!timestamp ", "!!int ", "!!float ", "!!str ", "!!null ", "!!bool ",
    "!<tag:yaml.org,2002:int> ", "!x ", "[" * 2000, "{a: " * 800, "- " * 1000,
)  # fmt: skip
"""Put somewhere into a text."""
SCALARS = (
    ".inf", "-.Inf", ".nan", ".NaN", "2026-01-02", "2026-01-02T03:04:05Z", "12:30:45", "0x1F", "0o17", "0b11",
    "1_000", "1e400", "-1e400", "1e-400", "9" * 400, "9" * 5000, "-0", "0", "-1", "1.5", "1e3", "~", "null", "",
    "true", "False", "yes", "off", "=", "'1'", '"0.5"', "''", '"\\0"', '"\\x07"', '"\\ud800"', "[]", "{}", "[[[]]]",
    "[1, 2]", "{a: 1}", "{1: 2}", "{null: 1}", "{[1]: 2}", "{true: 1}", "{1.5: 1}", "{.nan: 1}", "!!binary R0lGODlh",
    "!!python/object:os.system", "!!set {a, b}", "!!int x", "!!float x", "!!bool x", "!!null x", "!!str 1",
    "!!timestamp 2026-01-02", "&a [*a]", "*nowhere", "{<<: {a: 1}}", "|\n  x", "@x", "%x", "'" + "x" * 3000 + "'",
    "a.b.c", "..", ".", "trial.", "'line\n\n  break'",
)  # fmt: skip
"""Put in place of a value."""


@st.composite
def texts(draw: Draw) -> bytes:
    """A file of which the text was changed in one to three places."""
    lines = FILES[draw(st.sampled_from(sorted(FILES)))].split("\n")
    for _ in range(draw(st.integers(1, 3))):
        lines = draw(st.sampled_from(TEXT_CHANGES))(draw, lines)
    content = "\n".join(lines).encode("utf-8", "surrogatepass")
    if not content or draw(st.integers(0, 9)):
        return content
    place = draw(st.integers(0, len(content) - 1))
    return content[:place] + draw(st.binary(min_size=1, max_size=4)) + content[place + 1 :]


def _place(draw: Draw, lines: list[str]) -> int:
    told = [place for place, line in enumerate(lines) if line.strip() and not line.lstrip().startswith("#")]
    return int(draw(st.sampled_from(told or [0])))


def _without_a_line(draw: Draw, lines: list[str]) -> list[str]:
    place = _place(draw, lines)
    return [*lines[:place], *lines[place + 1 :], ""]


def _with_a_line_twice(draw: Draw, lines: list[str]) -> list[str]:
    place = _place(draw, lines)
    return [*lines[:place], lines[place], *lines[place:]]


def _with_a_line_elsewhere(draw: Draw, lines: list[str]) -> list[str]:
    taken, there = _place(draw, lines), _place(draw, lines)
    rest = [*lines[:taken], *lines[taken + 1 :]]
    return [*rest[:there], lines[taken], *rest[there:]]


def _indented(draw: Draw, lines: list[str]) -> list[str]:
    place = _place(draw, lines)
    indent = draw(st.sampled_from(["", " ", "  ", "   ", "\t", " \t ", "      "]))
    return [*lines[:place], indent + lines[place].lstrip(), *lines[place + 1 :]]


def _with_a_piece(draw: Draw, lines: list[str]) -> list[str]:
    place = _place(draw, lines)
    line = lines[place]
    at = draw(st.integers(0, len(line)))
    return [*lines[:place], line[:at] + draw(st.sampled_from(PIECES)) + line[at:], *lines[place + 1 :]]


def _with_another_scalar(draw: Draw, lines: list[str]) -> list[str]:
    place = _place(draw, lines)
    pieces = lines[place].split(": ")
    at = draw(st.integers(0, len(pieces) - 1))
    value = pieces[at]
    end = next((place for place, letter in enumerate(value) if letter in ",}]#"), len(value))
    pieces[at] = draw(st.sampled_from(SCALARS)) + value[end:]
    return [*lines[:place], ": ".join(pieces), *lines[place + 1 :]]


def _cut_off(draw: Draw, lines: list[str]) -> list[str]:
    place = _place(draw, lines)
    return [*lines[:place], lines[place][: draw(st.integers(0, len(lines[place])))]]


TEXT_CHANGES = (
    _without_a_line,
    _with_a_line_twice,
    _with_a_line_elsewhere,
    _indented,
    _with_a_piece,
    _with_another_scalar,
    _with_another_scalar,
    _cut_off,
)
