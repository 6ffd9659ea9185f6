"""Reading tables and keys off the pages under docs/."""

from __future__ import annotations

import re

from tests.configs.files import DOCS


def text_of(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def section_of(name: str, heading: str) -> str:
    """What stands below a heading, up to the next of any level."""
    _, below = text_of(name).split(f"\n{heading}\n", 1)
    return re.split(r"\n#+ ", below, maxsplit=1)[0]


def tables_of(text: str) -> list[list[list[str]]]:
    """Every table of a text as rows of cells, the heading first and the rule below it left out."""
    found: list[list[list[str]]] = []
    inside = False
    for line in text.splitlines():
        if not line.startswith("|"):
            inside = False
            continue
        if not inside:
            found.append([])
        inside = True
        if not re.fullmatch(r"[|\-: ]+", line):
            found[-1].append([cell.strip() for cell in line.strip("|").split(" | ")])
    return found


def keys_in(cell: str) -> set[str]:
    """The words between backticks that are keys."""
    return set(re.findall(r"`([a-z_0-9]+)`", cell))
