"""What a command says while it works, one line on standard error with the time; its tables; its JSON's version.

Nobody should look at an empty terminal. Imports nothing heavy, for it speaks before torch and Ray are loaded, which alone
takes seconds.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from io import StringIO

OUTPUT_SCHEMA_VERSION = 1
"""Of the object that `--json` prints, and of `comparison.json`."""
SHOWN_EVERY = 2.0
UNLIMITED = 100_000
"""Columns of a terminal that no table fills."""


def announce(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


class ImagesShown:
    """Progress over images: a line, where `SHOWN_EVERY` seconds have gone by since the last."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def __call__(self, part: str, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._last >= SHOWN_EVERY:
            self._last = now
            announce(f"{part}: {done:,} of {total:,} images" if done else part)


def one_line(text: str) -> str:
    """A message as a terminal may be given it, whatever a file or an option holds that it quotes."""
    joined = " ".join(text.split())
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in joined)


_afterwards: list[Callable[[], object]] = []


def afterwards(work: Callable[[], object]) -> None:
    """Have something cleared away once the command has said how it ended, and before the program does end."""
    _afterwards.append(work)


def clear_away() -> None:
    """Do what was put off by `afterwards`."""
    while _afterwards:
        _afterwards.pop(0)()


def table_text(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in plain text, the first column to the left, the others to the right. A cell is never cut or folded:
    where lines are too long, it is the terminal that wraps them."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    for index, name in enumerate(heading):
        table.add_column(Text(name), justify="left" if index == 0 else "right", no_wrap=True)
    for row in rows:
        table.add_row(*[Text(cell) for cell in row])
    text = StringIO()
    Console(file=text, width=UNLIMITED, color_system=None, force_jupyter=False).print(table)
    return text.getvalue().rstrip("\n")
