"""What stays in a record's file until it is asked for: which units a state has left, and the lines of epochs.

Of a large network the units that are left are tens of thousands of numbers for each state. Whoever looks at a whole study
wants them of a few trials, so they are read from the record each time, and not kept.
"""

from __future__ import annotations

import json
from collections.abc import ItemsView, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

from models.errors import UserError


def state_begins(state: int) -> bytes:
    """How a state's line begins in a record, as every version has written it."""
    return b'{"kind":"state","state":%d,' % state


@dataclass(frozen=True, slots=True, eq=False)
class UnreadStructure(Mapping[str, Any]):
    """The structure after one state, as its line in the record at `path` has it.

    UserError, when it is read, where that line is damaged or not there any more.
    """

    path: Path
    state: int

    def read(self) -> dict[str, Any]:
        try:
            lines = self.path.read_bytes().split(b"\n")[:-1]
        except FileNotFoundError as error:
            raise UserError(f"{self.path}: is not there any more; its run has changed, so try again") from error
        found = [line for line in lines if line.startswith(state_begins(self.state))]
        if not found:
            raise UserError(f"{self.path}: state {self.state} is not in it any more; its trial goes on, so try again")
        try:
            structure: dict[str, Any] = json.loads(found[-1])["structure"]
        except ValueError as error:
            raise UserError(
                f"{self.path}: the line of state {self.state} is damaged ({error}); "
                "put back a copy of it, or remove this trial's folder and resume the run"
            ) from error
        return structure

    def __getitem__(self, group: str) -> Any:
        return self.read()[group]

    def __iter__(self) -> Iterator[str]:
        return iter(self.read())

    def __len__(self) -> int:
        return len(self.read())

    def items(self) -> ItemsView[str, Any]:
        """All of it, read once."""
        return self.read().items()


@dataclass(frozen=True, slots=True)
class UnreadEpochs(Sequence[dict[str, Any]]):
    """The first `many` lines of epochs in the record at `path`; counting them reads nothing."""

    path: Path
    many: int

    def read(self) -> list[dict[str, Any]]:
        lines = (json.loads(line) for line in self.path.read_bytes().split(b"\n")[:-1] if b'"epoch"' in line[:20])
        return [line for line in lines if line["kind"] == "epoch"][: self.many]

    @overload
    def __getitem__(self, place: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, place: slice) -> list[dict[str, Any]]: ...
    def __getitem__(self, place: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        return self.read()[place]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.read())

    def __len__(self) -> int:
        return self.many
