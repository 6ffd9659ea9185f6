"""A trial's record: `record.jsonl`, its configuration first, then every epoch and state end: the truth about it.

Only the trial appends while it runs; the driver ends one that it stops between two epochs, or whose process died. A line
that a crash tore off is dropped on reading. What lies beyond the newest checkpoint does not count any more once the trial goes
on, which writes it again with the same numbers; nor does what a process of an earlier launch writes late (`overtaken.py`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Literal, get_args

from models import atomic, writes
from trainables.files.json_lines import complete_lines, encode
from trainables.files.overtaken import GENERATION, GoneOn, Reached, counted, holds, without_generation

RECORD_FILE = "record.jsonl"
RECORD_SCHEMA_VERSION = 2
"""1 had no lines that do not count; who reads only that would count epochs twice."""
READABLE_VERSIONS = (1, 2)
Status = Literal["pending", "running", "finished", "stopped", "diverged", "failed", "interrupted"]
ENDED: frozenset[str] = frozenset({"finished", "stopped", "diverged", "failed"})
STATUSES: tuple[str, ...] = get_args(Status)


@dataclass(frozen=True)
class Identity:
    """Which trial of a study this is. `number` counts an arm's configurations from 0, `replicate` its searches.

    `recipe` is, of a confirming trial, the arm whose choice of the shared keys it takes; empty where that is its own.
    """

    id: str
    arm: str = "trial"
    phase: Literal["trial", "search", "confirm"] = "trial"
    number: int = 0
    seed: int = 0
    replicate: int = 0
    recipe: str = ""

    def to_json(self) -> dict[str, Any]:
        """`replicate` and `recipe` only where they say something: versions before they were there read the rest."""
        value = {"id": self.id, "arm": self.arm, "phase": self.phase, "number": self.number, "seed": self.seed}
        optional = {"replicate": self.replicate, "recipe": self.recipe}
        return value | {key: given for key, given in optional.items() if given}


@dataclass(frozen=True)
class StateEnd:
    """What is reported of a state: the compact network after its last epoch, never its best one."""

    state: int
    epochs: int
    """Epochs trained in all states up to this one's end."""
    val_accuracy: float
    val_loss: float
    test_accuracy: float | None
    """None, and the loss too, where there is no test split (`data.test_fraction: 0`)."""
    test_loss: float | None
    params: int
    macs: int
    removed_percent: float
    kept: dict[str, int]
    """Units left, by kind: head, neuron, channel."""
    training_macs: float
    """Multiply-accumulates spent on training up to here: three forward passes' worth per image."""
    seconds: float
    """Training time of all states up to here."""
    removed_of_all_percent: float | None = None
    """What was removed as a share of all parameters, not of those that the trial's target names; None in old records."""
    latency_ms: float | None = None
    """Median time of a forward pass on the trial's device, where `measure.latency` asks for it."""
    removal: dict[str, float] | None = None
    """For every removing method: val_accuracy_before, val_accuracy_after, with `compensate` val_accuracy_repaired, and
    magnitude_ratio."""
    repair: dict[str, dict[str, float | None]] | None = None
    """Of each layer that was repaired: error_removed, error_repaired (shares of its output's variation), strength."""
    file: str | None = None
    """The state's network, relative to the trial's folder."""
    structure: Mapping[str, Any] = field(default_factory=dict)
    """Which units are left, as `Structure` has them; in a record that was read by `growing.py` each look reads the file."""
    taken_from: str | None = None
    """`RUN/TRIAL` that trained this state, where that was another trial of the same prefix."""
    warnings: list[str] = field(default_factory=list)
    """What a reader of this state's figures has to know: a penalty that did not act, a layer at its floor."""

    def to_json(self) -> dict[str, Any]:
        return {"kind": "state", **self.__dict__, "structure": dict(self.structure.items())}

    @classmethod
    def from_json(cls, line: Mapping[str, Any]) -> StateEnd:
        known = cls.__dataclass_fields__
        return cls(**{key: value for key, value in line.items() if key in known})


@dataclass(frozen=True)
class ReadTo:
    """How far a file was read: which one it was, how many bytes and lines, whole lines all, and the last bytes of them."""

    device: int
    inode: int
    size: int
    lines: int
    last: bytes


@dataclass(frozen=True)
class TrialRecord:
    """Everything a record says. `header` is its configuration line; `epochs` are its epoch lines, without their generation."""

    folder: Path
    header: dict[str, Any]
    epochs: Sequence[dict[str, Any]]
    states: list[StateEnd]
    end: dict[str, Any] | None
    epochs_taken_over: int = 0
    """Those of its epochs that another trial trained."""
    reached: Reached = field(default=Reached(), compare=False)
    """How far its lines go, and whose the newest are."""
    launches: tuple[GoneOn, ...] = field(default=(), compare=False)
    """From where each launch went on, oldest first."""
    read_to: ReadTo | None = field(default=None, compare=False, repr=False)
    """From where `growing.py` reads it on."""

    @property
    def identity(self) -> Identity:
        return Identity(**self.header["identity"])

    @property
    def config(self) -> dict[str, Any]:
        config: dict[str, Any] = self.header["config"]
        return config

    @property
    def status(self) -> str:
        """`running` until an end line says more; only whoever drives the run can tell running from interrupted."""
        return "running" if self.end is None else str(self.end["status"])

    @property
    def error(self) -> str | None:
        return None if self.end is None else self.end.get("error")

    @property
    def reason(self) -> str | None:
        """Why it was stopped, or the error it failed with."""
        return None if self.end is None else self.end.get("reason") or self.error

    def holds(self, epochs: int, generation: int) -> bool:
        """Whether it has so many epochs, and they are as a launch of this generation knew them."""
        return epochs <= len(self.epochs) and holds(self.launches, epochs, generation)


def record_path(folder: Path) -> Path:
    return folder / RECORD_FILE


def read_record(folder: Path) -> TrialRecord | None:
    """Read a trial's record, or None where there is none yet (or only a torn first line)."""
    path = record_path(folder)
    return record_of(folder, complete_lines(path)) if path.exists() else None


def record_of(folder: Path, lines: list[dict[str, Any]]) -> TrialRecord | None:
    """The record that these lines make; None without any."""
    if not lines:
        return None
    found = counted(lines)
    header, *rest = (without_generation(lines[place]) for place in found.places)
    ends = [line for line in rest if line["kind"] == "end"]
    epochs = [line for line in rest if line["kind"] == "epoch"]
    return TrialRecord(
        folder=folder,
        header=header,
        epochs=epochs,
        states=[StateEnd.from_json(line) for line in rest if line["kind"] == "state"],
        end=ends[-1] if ends else None,
        epochs_taken_over=sum("taken_from" in line for line in epochs),
        reached=found.reached,
        launches=found.launches,
    )


class RecordWriter:
    """Appends lines to a trial's record, each flushed to the disk before it counts. Nothing in it is ever replaced.

    `generation` is the launch's; 0 outside of any, which the lines do not say.
    """

    def __init__(self, folder: Path, generation: int = 0) -> None:
        self.path = record_path(folder)
        self._generation = {GENERATION: generation} if generation else {}
        folder.mkdir(parents=True, exist_ok=True)

    def start(self, header: Mapping[str, Any]) -> None:
        """Begin the record with its configuration line, or begin it anew: what is there does not count any more."""
        line = {"kind": "config", "schema_version": RECORD_SCHEMA_VERSION, **header}
        if self.path.exists() or not atomic.create_bytes(self.path, self._encoded(line)):
            self.append(line)

    def go_on(self, state: int, epoch: int, epochs_total: int) -> None:
        """Go on after this epoch of this state: what is there of later ones does not count any more, nor does an end."""
        self.append({"kind": "launch", "state": state, "epoch": epoch, "epochs_total": epochs_total})

    def append(self, *lines: Mapping[str, Any]) -> None:
        """All of them at once: of what a kill leaves, only the last line can be torn."""
        with self.path.open("a+b") as handle:
            drop_torn_line(handle)
            writes.append(handle, b"".join(self._encoded(line) for line in lines))

    def _encoded(self, line: Mapping[str, Any]) -> bytes:
        """With the generation as its last key, where `shortened.py` looks for it."""
        return encode({**line, **self._generation})


def drop_torn_line(handle: BinaryIO) -> None:
    """Cut off what a crash left of a last line, so that the next one does not run into it."""
    size = handle.seek(0, os.SEEK_END)
    if size == 0:
        return
    handle.seek(-1, os.SEEK_END)
    if handle.read(1) != b"\n":
        handle.seek(0)
        writes.cut(handle, handle.read().rfind(b"\n") + 1)


def end_line(status: str, **details: Any) -> dict[str, Any]:
    """The last line of a record: how the trial ended. `details` may hold error, step, reason."""
    return {"kind": "end", "status": status, **details}
