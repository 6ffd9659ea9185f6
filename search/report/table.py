"""What a table is, apart from those that need the evidence, so that `status` loads none of that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """Rows of cells under a heading; columns in `text_columns` hold words rather than figures."""

    heading: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""
    text_columns: tuple[int, ...] = ()
