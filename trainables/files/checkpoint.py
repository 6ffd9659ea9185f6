"""A trial's checkpoint: everything it needs to go on at an epoch boundary, or within an epoch, in one safetensors file.

`latest` is replaced atomically and the one before it is kept as `previous`, so that a file damaged by a full disk or
a broken machine costs one more epoch and not the trial. Every epoch seeds itself, so only one that has begun has random state
in its checkpoint. One that a process of an earlier launch wrote late is taken neither in place of a newer launch's, nor where
the record has gone another way since.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from models import atomic, writes
from models.tensor_file import write_tensors
from models.units.structure import Structure
from trainables.files.record import TrialRecord
from trainables.files.turn import launch_of
from trainables.states.begun_epoch import BegunEpoch
from trainables.states.position import Position, Snapshot
from trainables.training.optimizers import StateByName

KEY = "prunetune.checkpoint"
VERSION = 2
WITHIN_VERSION = 3
"""Of a checkpoint within an epoch: a version that knows of none would train that epoch from its beginning once more."""
LATEST, PREVIOUS = "latest.safetensors", "previous.safetensors"


@dataclass(frozen=True)
class Checkpoint:
    """`meta` is plain JSON (where the trial stands); the tensors are the network's, its optimiser's, its masks, and of an epoch
    that has begun what its steps have left."""

    meta: dict[str, Any]
    model: dict[str, Tensor]
    optimizer: StateByName
    masks: dict[str, Tensor]
    begun: dict[str, Tensor] = field(default_factory=dict)
    average: dict[str, Tensor] = field(default_factory=dict)
    """A moving average of the network, where one is kept."""

    @classmethod
    def of_trial(cls, snapshot: Snapshot, generation: int) -> Checkpoint:
        """A trial's, saved by this launch."""
        meta = {
            "standing": snapshot.position.to_json(),
            "structure": snapshot.structure.to_json(),
            "generation": generation,
        }
        if snapshot.begun is None:
            return cls(meta, snapshot.model, snapshot.optimizer, snapshot.masks)
        meta["begun"] = snapshot.begun.figures()
        return cls(meta, snapshot.model, snapshot.optimizer, snapshot.masks, snapshot.begun.tensors())

    @classmethod
    def of_tensors(cls, meta: dict[str, Any], tensors: Mapping[str, Tensor]) -> Checkpoint:
        """From what `tensors` gave."""
        optimizer: StateByName = {}
        for name, tensor in _below(tensors, "optimizer/").items():
            parameter, _, key = name.rpartition("/")
            optimizer.setdefault(parameter, {})[key] = tensor
        model, masks, begun, average = (_below(tensors, f"{part}/") for part in ("model", "mask", "begun", "average"))
        return cls(meta, model, optimizer, masks, begun, average)

    def tensors(self) -> dict[str, Tensor]:
        """All of its tensors by the names that they have in a file: `model/fc.weight`, `optimizer/fc.weight/exp_avg`."""
        parts = {"model": self.model, "mask": self.masks, "begun": self.begun, "average": self.average}
        tensors = {f"{part}/{name}": tensor for part, those in parts.items() for name, tensor in those.items()}
        for name, entries in self.optimizer.items():
            tensors |= {f"optimizer/{name}/{key}": tensor for key, tensor in entries.items()}
        return tensors

    @property
    def snapshot(self) -> Snapshot:
        """What `of_trial` was given."""
        position = Position.from_json(self.meta["standing"])
        structure = Structure.from_json(self.meta["structure"])
        begun = BegunEpoch.of(self.meta["begun"], self.begun) if "begun" in self.meta else None
        return Snapshot(position, structure, self.model, self.optimizer, self.masks, begun)

    @property
    def generation(self) -> int:
        """The launch that saved it; 0 of a checkpoint that does not say."""
        return int(self.meta.get("generation", 0))


@dataclass(frozen=True)
class Found:
    """The newest checkpoint to go on from, and a warning for each newer one that could not be."""

    checkpoint: Checkpoint | None
    warnings: tuple[str, ...]


def folder_of(trial_folder: Path) -> Path:
    return trial_folder / "checkpoint"


def save_checkpoint(trial_folder: Path, checkpoint: Checkpoint) -> None:
    """Write `latest`, keeping the one before as `previous`; at every moment one of the two is whole."""
    folder = folder_of(trial_folder)
    latest = folder / LATEST
    version = WITHIN_VERSION if checkpoint.begun else VERSION
    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in checkpoint.tensors().items()}
    with atomic.replace_via(latest) as temporary:
        write_tensors(temporary, whole, {KEY: json.dumps({"version": version, **checkpoint.meta})})
        _keep_previous(latest)


def _keep_previous(latest: Path) -> None:
    previous, link = latest.with_name(PREVIOUS), latest.with_name(".previous.link")
    if not latest.exists() or _generation_of(latest) < _generation_of(previous):
        return
    writes.unlink(link)
    with suppress(FileExistsError, FileNotFoundError):  # a process of an earlier launch does the same at this moment
        writes.link(latest, link)
        writes.replace(link, previous)


def load_checkpoint(trial_folder: Path, record: TrialRecord | None = None) -> Found:
    """The newest launch's `latest`, or what is before it where that cannot be read, or is not of what `record` says.

    Without a record only what can be read is asked.
    """
    warnings: list[str] = []
    files = [folder_of(trial_folder) / name for name in (LATEST, PREVIOUS)]
    there = [(path, _generation_of(path)) for path in files if path.exists()]
    # First what cannot be read, so that it is told.
    for path, _ in sorted(there, key=lambda one: -one[1] if one[1] >= 0 else -math.inf):
        try:
            found = _read(path)
            epochs = 0 if record is None else found.snapshot.position.epochs_total
        except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
            warnings.append(f"checkpoint {path} cannot be read ({error}); going back to the one before")
            continue
        if record is None or record.holds(epochs, found.generation):
            return Found(found, tuple(warnings))
        warnings.append(
            f"checkpoint {path} is of epoch {epochs} of launch {launch_of(found.generation)}, which the record does not "
            "count; going back to the one before"
        )
    return Found(None, tuple(warnings))


def reached(trial_folder: Path) -> tuple[int, int]:
    """How far its last checkpoint is, without reading the tensors: epochs, and steps of the epoch after them.

    (0, 0) where there is none that can be read.
    """
    try:
        with safe_open(folder_of(trial_folder) / LATEST, framework="pt") as handle:
            meta = json.loads(handle.metadata()[KEY])
            steps = handle.get_slice("begun/sizes").get_shape()[0] if "begun" in meta else 0
            return int(meta["standing"]["epochs_total"]), steps
    except (SafetensorError, OSError, ValueError, KeyError, TypeError):
        return 0, 0


def _generation_of(path: Path) -> int:
    """Which launch saved a checkpoint, without reading its tensors; -1 where that cannot be told."""
    try:
        with safe_open(path, framework="pt") as handle:
            return int(json.loads(handle.metadata()[KEY]).get("generation", 0))
    except (SafetensorError, OSError, ValueError, KeyError, TypeError):
        return -1


def _read(path: Path) -> Checkpoint:
    with safe_open(path, framework="pt") as handle:
        meta: dict[str, Any] = json.loads(handle.metadata()[KEY])
        tensors = {name: handle.get_tensor(name) for name in handle.keys()}  # noqa: SIM118  (not a mapping)
    if meta.pop("version") not in (VERSION, WITHIN_VERSION):
        raise ValueError("written by another version of prunetune")
    return Checkpoint.of_tensors(meta, tensors)


def _below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
