"""A finished state in a folder of its own: where it stands, its record's lines, its network, and what later states return to.

The network and the predictions are the trainer's own files, under a second name where the file system allows that, so that
they take no room while the trainer keeps them, and stay when it does not.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from torch import Tensor

from models import atomic
from models.errors import UserError
from models.save_load import load_parts
from models.weights.digest import file_digest
from trainables.files.record import StateEnd
from trainables.files.state_files import load_tensors, predictions_file, save_tensors, state_file
from trainables.stages.key import FORMAT
from trainables.states.position import Position, Snapshot

STAGE_FILE, NETWORK_FILE, PREDICTIONS_FILE = "stage.json", "network.safetensors", "predictions.safetensors"
MASKS_FILE = "masks.safetensors"
NO_LINK = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP)
"""A file gets no second name here: on another file system, or where that has none."""


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
    network_digest: str

    def taken(self) -> tuple[list[dict[str, Any]], StateEnd]:
        """Its lines as they stand in the record of a trial that takes it over: with whose they are."""
        lines = [{**line, "taken_from": self.trained_by} for line in self.lines]
        return lines, replace(self.end, taken_from=self.trained_by)

    @property
    def predictions(self) -> Path | None:
        """The file of its predictions; None without a test split."""
        path = self.folder / PREDICTIONS_FILE
        return path if path.exists() else None

    def has_rewind_point(self, epoch: int) -> bool:
        """Whether the weights after so many epochs of state 0 are there: its trainer may not have needed them."""
        return (self.folder / rewind_file(epoch)).exists()

    def rewind_point(self, epoch: int) -> dict[str, Tensor]:
        """Those weights. DamagedStage where they cannot be read."""
        try:
            return load_tensors(self.folder / rewind_file(epoch))
        except (OSError, SafetensorError) as error:
            raise DamagedStage(str(error)) from error

    def snapshot(self) -> Snapshot:
        """The trained network at the state's end. DamagedStage where it is not the one that was published."""
        network, masks = self.folder / NETWORK_FILE, self.folder / MASKS_FILE
        try:
            if file_digest(network) != self.network_digest:
                raise DamagedStage(f"{network}: is not the network that was published")
            parts = load_parts(network)
            applied = load_tensors(masks) if masks.exists() else {}
        except (OSError, SafetensorError, UserError) as error:
            raise DamagedStage(str(error)) from error
        return Snapshot(self.position, parts.structure, parts.state, {}, applied)


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
            network_digest=value["network_digest"],
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
    """Fill a new folder from the trial that has just ended a state; `position` is at that end. OSError for a full disk."""
    folder.mkdir(parents=True)
    state = end.state
    _second_name(trial_folder / state_file(state), folder / NETWORK_FILE)
    if (trial_folder / predictions_file(state)).exists():
        _second_name(trial_folder / predictions_file(state), folder / PREDICTIONS_FILE)
    if masks:
        save_tensors(folder / MASKS_FILE, masks)
    value = {
        "format": FORMAT,
        "trained_by": f"{trial_folder.parents[1].name}/{trial_folder.name}",
        "position": position.to_json(),
        "lines": [dict(line) for line in lines],
        "end": end.to_json(),
        "network_digest": file_digest(folder / NETWORK_FILE),
    }
    atomic.write_json(folder / STAGE_FILE, value)


def second_name(source: Path, target: Path) -> None:
    """`target` becomes the same file as `source`, or where that cannot be a copy of it; replaced as a whole."""
    with atomic.replace_via(target) as temporary:
        _second_name(source, temporary)


def _second_name(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in NO_LINK:
            raise
        shutil.copyfile(source, target)
