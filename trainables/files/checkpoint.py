"""A trial's checkpoint: everything it needs to go on at an epoch boundary, or within an epoch, in one safetensors file.

`latest` is replaced atomically and the one before it is kept as `previous`, so that a file damaged by a full disk or
a broken machine costs one more epoch and not the trial. Every epoch seeds itself, so only one that has begun has random state
in its checkpoint.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from models import atomic
from models.tensor_file import write_tensors
from models.units.structure import Structure
from trainables.states.begun_epoch import BegunEpoch
from trainables.states.position import Position, Snapshot
from trainables.training.optimizers import StateByName

KEY = "prunetune.checkpoint"
VERSION = 2
WITHIN_VERSION = 3
"""Of a checkpoint within an epoch: a version that knows of none would train that epoch from its beginning once more."""


@dataclass(frozen=True)
class Checkpoint:
    """`meta` is plain JSON (where the trial stands); the tensors are the network's, its optimiser's, its masks, and of an epoch
    that has begun what its steps have left."""

    meta: dict[str, Any]
    model: dict[str, Tensor]
    optimizer: StateByName
    masks: dict[str, Tensor]
    begun: dict[str, Tensor] = field(default_factory=dict)

    @classmethod
    def of_trial(cls, snapshot: Snapshot, record_bytes: int) -> Checkpoint:
        """A trial's, with the length of its record at that moment."""
        meta = {
            "standing": snapshot.position.to_json(),
            "structure": snapshot.structure.to_json(),
            "record_bytes": record_bytes,
        }
        if snapshot.begun is None:
            return cls(meta, snapshot.model, snapshot.optimizer, snapshot.masks)
        meta["begun"] = snapshot.begun.figures()
        return cls(meta, snapshot.model, snapshot.optimizer, snapshot.masks, snapshot.begun.tensors())

    @property
    def snapshot(self) -> Snapshot:
        """What `of_trial` was given."""
        position = Position.from_json(self.meta["standing"])
        structure = Structure.from_json(self.meta["structure"])
        begun = BegunEpoch.of(self.meta["begun"], self.begun) if "begun" in self.meta else None
        return Snapshot(position, structure, self.model, self.optimizer, self.masks, begun)


@dataclass(frozen=True)
class Found:
    """The newest readable checkpoint, and a warning for each newer one that could not be read."""

    checkpoint: Checkpoint | None
    warnings: tuple[str, ...]


def folder_of(trial_folder: Path) -> Path:
    return trial_folder / "checkpoint"


def save_checkpoint(trial_folder: Path, checkpoint: Checkpoint) -> None:
    """Write `latest`, keeping the one before as `previous`; at every moment one of the two is whole."""
    folder = folder_of(trial_folder)
    latest = folder / "latest.safetensors"
    tensors = {f"model/{name}": tensor for name, tensor in checkpoint.model.items()}
    tensors |= {f"mask/{name}": tensor for name, tensor in checkpoint.masks.items()}
    tensors |= {f"begun/{name}": tensor for name, tensor in checkpoint.begun.items()}
    for name, entries in checkpoint.optimizer.items():
        tensors |= {f"optimizer/{name}/{key}": tensor for key, tensor in entries.items()}
    version = WITHIN_VERSION if checkpoint.begun else VERSION
    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic.replace_via(latest) as temporary:
        write_tensors(temporary, whole, {KEY: json.dumps({"version": version, **checkpoint.meta})})
        _keep_previous(latest)


def _keep_previous(latest: Path) -> None:
    if not latest.exists():
        return
    link = latest.with_name(".previous.link")
    link.unlink(missing_ok=True)
    os.link(latest, link)
    os.replace(link, latest.with_name("previous.safetensors"))


def load_checkpoint(trial_folder: Path) -> Found:
    """Read `latest`, or `previous` where that cannot be read."""
    warnings: list[str] = []
    for name in ("latest", "previous"):
        path = folder_of(trial_folder) / f"{name}.safetensors"
        if not path.exists():
            continue
        try:
            return Found(_read(path), tuple(warnings))
        except (SafetensorError, OSError, ValueError, KeyError) as error:
            warnings.append(f"checkpoint {path} cannot be read ({error}); going back to the one before")
    return Found(None, tuple(warnings))


def _read(path: Path) -> Checkpoint:
    with safe_open(path, framework="pt") as handle:
        meta: dict[str, Any] = json.loads(handle.metadata()[KEY])
        tensors = {name: handle.get_tensor(name) for name in handle.keys()}  # noqa: SIM118  (not a mapping)
    if meta.pop("version") not in (VERSION, WITHIN_VERSION):
        raise ValueError("written by another version of prunetune")
    optimizer: StateByName = {}
    for name, tensor in _below(tensors, "optimizer/").items():
        parameter, _, key = name.rpartition("/")
        optimizer.setdefault(parameter, {})[key] = tensor
    return Checkpoint(meta, _below(tensors, "model/"), optimizer, _below(tensors, "mask/"), _below(tensors, "begun/"))


def _below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
