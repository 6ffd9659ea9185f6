"""A finished state in a folder of its own: where it stands, its record's lines, its network, and what later states return to.

The network and the predictions are the trainer's own files, under a second name where the file system allows that, so that
they take no room while the trainer keeps them, and stay when it does not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from torch import Tensor

from models import atomic, writes
from models.errors import UserError
from models.save_load import load_parts
from models.units.structure import Structure
from models.weights.digest import file_digest
from trainables.files.json_lines import finite
from trainables.files.record import StateEnd
from trainables.files.state_files import load_tensors, predictions_file, save_tensors, state_file
from trainables.stages.key import FORMAT
from trainables.states.position import Position, Snapshot

STAGE_FILE, NETWORK_FILE, PREDICTIONS_FILE = "stage.json", "network.safetensors", "predictions.safetensors"
MASKS_FILE = "masks.safetensors"


class DamagedStage(Exception):
    """A stage's folder does not hold what it says; whoever wanted it trains the state."""


@dataclass(frozen=True)
class Stage:
    """`lines` are the epochs' lines of its record, `end` the state's; `trained_by` is `RUN/TRIAL`."""

    folder: Path
    trained_by: str
    position: Position
    lines: tuple[dict[str, Any], ...]
    end: StateEnd
    files: Mapping[str, str]
    """Name → SHA-256 of everything else in its folder."""

    def taken(self, left: Structure) -> tuple[list[dict[str, Any]], StateEnd]:
        """Its lines as they stand in the record of a trial that takes it over: with whose they are.

        `left` is that trial's structure at the end of the state. Where it counts other kinds of units, which only happens
        before any of them goes, the lines say what it has of its own.
        """
        end, kept = self.end, left.kept_of_kind()
        own = {"kept": kept} if kept.keys() != end.kept.keys() else {}
        if own:
            end = replace(end, kept=kept, structure=left.to_json())
        lines = [{**line, **own, "taken_from": self.trained_by} for line in self.lines]
        return lines, replace(end, taken_from=self.trained_by)

    @property
    def has_predictions(self) -> bool:
        """Whether there was a test split."""
        return PREDICTIONS_FILE in self.files

    def has_rewind_point(self, epoch: int) -> bool:
        """Whether the weights after so many epochs of state 0 are there: its trainer may not have needed them."""
        return rewind_file(epoch) in self.files

    def checked(self, name: str) -> Path:
        """One of its files. DamagedStage where it is not there, or not as it was published."""
        path = self.folder / name
        try:
            if file_digest(path) == self.files[name]:
                return path
        except (OSError, KeyError) as error:
            raise DamagedStage(f"{path}: {error}") from error
        raise DamagedStage(f"{path}: is not what was published")

    def tensors(self, name: str) -> dict[str, Tensor]:
        """What is in one of its files; nothing where it was published without it."""
        if name not in self.files:
            return {}
        try:
            return load_tensors(self.checked(name))
        except (OSError, SafetensorError) as error:
            raise DamagedStage(str(error)) from error

    def snapshot(self) -> Snapshot:
        """The trained network at the state's end. DamagedStage where it is not the one that was published."""
        try:
            parts = load_parts(self.checked(NETWORK_FILE))
        except UserError as error:
            raise DamagedStage(str(error)) from error
        return Snapshot(self.position, parts.structure, parts.state, {}, self.tensors(MASKS_FILE))


def name_of(trial_folder: Path) -> str:
    """`RUN/TRIAL`."""
    return f"{trial_folder.parents[1].name}/{trial_folder.name}"


def rewind_file(epoch: int) -> str:
    return f"rewind-{epoch}.safetensors"


def read_stage(folder: Path) -> Stage | None:
    """None where there is none. DamagedStage where it cannot be read."""
    try:
        value = json.loads((folder / STAGE_FILE).read_text(encoding="utf-8"))
        if value["format"] != FORMAT:
            raise DamagedStage(f"{folder}: of another version of prunetune")
        return Stage(
            folder=folder,
            trained_by=value["trained_by"],
            position=Position.from_json(value["position"]),
            lines=tuple(value["lines"]),
            end=StateEnd.from_json(value["end"]),
            files=value["files"],
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedStage(f"{folder}: {error}") from error


def write_stage(
    folder: Path,
    trial_folder: Path,
    position: Position,
    masks: dict[str, Tensor],
    lines: Sequence[Mapping[str, Any]],
    end: StateEnd,
) -> None:
    """Fill a new folder from the trial that has just ended a state; `position` is at that end.

    OSError or SafetensorError where it cannot be written.
    """
    folder.mkdir(parents=True)
    state = end.state
    _second_name(trial_folder / state_file(state), folder / NETWORK_FILE)
    if (trial_folder / predictions_file(state)).exists():
        _second_name(trial_folder / predictions_file(state), folder / PREDICTIONS_FILE)
    if masks:
        save_tensors(folder / MASKS_FILE, masks)
    value = {
        "format": FORMAT,
        "trained_by": name_of(trial_folder),
        "position": position.to_json(),
        "lines": [dict(line) for line in lines],
        "end": end.to_json(),
        "files": {file.name: file_digest(file) for file in sorted(folder.iterdir())},
    }
    atomic.write_json(folder / STAGE_FILE, finite(value))


def add_file(folder: Path, name: str, source: Path) -> None:
    """Give a published stage one more file, unless it has it. OSError where it cannot be written, or the stage is gone."""
    value = json.loads((folder / STAGE_FILE).read_text(encoding="utf-8"))
    if name in value["files"]:
        return
    take_file(source, folder / name)
    value["files"][name] = file_digest(folder / name)
    atomic.write_json(folder / STAGE_FILE, value)


def take_file(source: Path, target: Path) -> None:
    """`target` becomes the same file as `source`, or where that cannot be a copy of it; replaced as a whole."""
    with atomic.replace_via(target) as temporary:
        _second_name(source, temporary)


def _second_name(source: Path, target: Path) -> None:
    try:
        writes.link(source, target)
    except OSError as error:
        if error.errno not in atomic.NO_LINK:
            raise
        writes.copy(source, target)
