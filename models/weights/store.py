"""The store of fetched weights: one folder of weights files, named by their content."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from models.errors import WeightsRefused
from models.local_path import environment_path
from models.spec import ModelSpec
from models.weights import repository
from models.weights.provenance import Provenance, content_stem
from models.weights.weights_file import read_provenance

VARIABLE = "PRUNETUNE_STORE"


@dataclass(frozen=True)
class StoredFile:
    """A file of the store; `problem` says why its header cannot be read, and then there is no provenance."""

    path: Path
    provenance: Provenance | None
    problem: str | None = None

    def to_json(self) -> dict[str, Any]:
        known = self.provenance
        return {
            "path": str(self.path),
            "bytes": self.path.stat().st_size,
            "spec": None if known is None else known.spec.to_json(),
            "origin": None if known is None else known.origin,
            "source_sha256": None if known is None else known.source_sha256,
            "digest": None if known is None else known.digest,
            "date": None if known is None else known.date,
            "transfer": None if known is None else known.report.to_json(),
            "problem": self.problem,
        }


def store_folder(store: Path | None = None) -> Path:
    """`store`, else $PRUNETUNE_STORE, else ~/.cache/prunetune/weights."""
    if store is not None:
        return store
    named = os.environ.get(VARIABLE)
    return environment_path(VARIABLE, named) if named else Path.home() / ".cache" / "prunetune" / "weights"


def list_store(store: Path | None = None) -> tuple[StoredFile, ...]:
    """Every weights file of the store and of the repository's own folder, by name; damaged ones with their problem."""
    folders = [store_folder(store), repository.repository_folder()]
    return tuple(_read(path) for folder in folders if folder.is_dir() for path in sorted(folder.glob("*.safetensors")))


def list_named(pattern: str, store: Path | None = None) -> tuple[StoredFile, ...]:
    """The store's files whose names fit, damaged ones with their problem."""
    return tuple(_read(path) for path in sorted(store_folder(store).glob(pattern)))


def find_stored(spec: ModelSpec, origin: str, store: Path | None = None) -> StoredFile | None:
    """The stored file of this origin at the geometry of `spec`, whatever its class count; the newest of several.

    A damaged file whose name fits is given back, with its problem, only when no sound one is there.
    """
    folder = store_folder(store)
    if not folder.is_dir():
        return None
    files = [_read(path) for path in sorted(folder.glob(f"{content_stem(spec)}-*c-*.safetensors"))]
    sound = [file for file in files if file.provenance is not None and _fits(file.provenance, spec, origin)]
    if sound:
        return max(sound, key=lambda file: file.provenance.date if file.provenance else "")
    damaged = [file for file in files if file.problem]
    return damaged[0] if damaged else None


def set_aside(path: Path) -> Path | None:
    """Rename a stale or damaged file, with today's date and time, so that it is neither used nor lost.

    None if another process did it first.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    aside = path.with_name(f"{path.name}.stale-{stamp}")
    try:
        path.rename(aside)
    except FileNotFoundError:
        return None
    return aside


def _fits(known: Provenance, spec: ModelSpec, origin: str) -> bool:
    own = known.spec
    same_geometry = (own.arch, own.img_size, own.in_chans, own.patch_size, own.args) == (
        spec.arch,
        spec.img_size,
        spec.in_chans,
        spec.patch_size,
        spec.args,
    )
    return same_geometry and known.origin == origin


def _read(path: Path) -> StoredFile:
    try:
        provenance = read_provenance(path)
    except WeightsRefused as error:
        return StoredFile(path, None, error.evidence[0])
    return StoredFile(path, provenance, None if provenance else "no provenance header: not a file of prunetune's")
