"""What every sub-command gives back to the command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Outcome:
    """`text` is what a person reads on standard output; `json` the same facts as one object for `--json`."""

    json: dict[str, Any]
    text: str
    exit_status: int = 0
