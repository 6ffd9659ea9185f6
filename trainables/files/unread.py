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
from trainables.files.overtaken import counted, without_generation
from trainables.files.shortened import short_values, whole_lines

REMEDY = "put back a copy of it, or remove this trial's folder and resume the run"


def _lines_of_kind(path: Path, kind: str) -> list[tuple[dict[str, Any], bytes]]:
    """Of the record at `path` the lines of one kind that count, each shortened and whole."""
    content = path.read_bytes()
    values, lines = short_values(content[: content.rfind(b"\n") + 1]), whole_lines(content)
    return [(values[place], lines[place]) for place in counted(values).places if values[place]["kind"] == kind]


@dataclass(frozen=True, slots=True, eq=False)
class UnreadStructure(Mapping[str, Any]):
    """The structure after one state, as its line in the record at `path` has it.

    UserError, when it is read, where that line is damaged or not there any more.
    """

    path: Path
    state: int

    def read(self) -> dict[str, Any]:
        try:
            found = [whole for short, whole in _lines_of_kind(self.path, "state") if short["state"] == self.state]
            structure: dict[str, Any] | None = json.loads(found[-1])["structure"] if found else None
        except FileNotFoundError as error:
            raise UserError(f"{self.path}: is not there any more; its run has changed, so try again") from error
        except ValueError as error:
            raise UserError(f"{self.path}: the line of state {self.state} is damaged ({error}); {REMEDY}") from error
        if structure is None:
            raise UserError(f"{self.path}: state {self.state} is not in it any more; its trial goes on, so try again")
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
        found = _lines_of_kind(self.path, "epoch")[: self.many]
        return [without_generation(json.loads(whole)) for _, whole in found]

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
