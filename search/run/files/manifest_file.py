"""`manifest.json` as it is read: what must stand in it, and what is said of one that is damaged."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from models import atomic
from models.errors import UserError
from search.run.folder import RunFolder

MANIFEST_SCHEMA_VERSION = 1
REMEDY = (
    "put back a copy of it, or move it away: the run is then read and goes on, but nobody knows any more with which weights, "
    "data and study it began, nor that it has grown"
)


class _Part(BaseModel):
    """What is read of a part of the manifest; there may be more in it."""

    model_config = ConfigDict(extra="allow", strict=True)


class _Digest(_Part):
    digest: str


class _Foundation(_Part):
    weights: _Digest | None = None
    data: _Digest | None = None
    teacher: _Digest | None = None


class _Launch(_Part):
    generation: int


class _Growth(_Part):
    trials_per_arm: list[int] = []
    confirm_seeds: list[list[int]] = []


class _Change(_Part):
    at: str
    keys: list[str]


class _Settled(_Part):
    seeds: int


class _Manifest(_Part):
    foundations: dict[str, _Foundation]
    launches: list[_Launch]
    study: dict[str, Any] = {}
    dense_recipes: list[dict[str, Any]] = []
    found_weights: dict[str, dict[str, str]] = {}
    grown: list[_Growth] = []
    settled: _Settled | None = None
    changed: list[_Change] = []


def read_manifest(run: RunFolder) -> dict[str, Any]:
    """The manifest, or an empty one before the first launch.

    UserError, in one line, for one that is damaged, or of another version of prunetune.
    """
    path = run.manifest_file
    if not path.exists():
        return {"schema_version": MANIFEST_SCHEMA_VERSION, "foundations": {}, "launches": []}
    content = path.read_bytes()
    try:
        manifest = json.loads(content)
    except (ValueError, RecursionError):
        found = f"no JSON: {repr(content[:30])[1:]}" if content else "it is empty"
        raise UserError(f"{path}: damaged ({found}); {REMEDY}") from None
    if not isinstance(manifest, dict) or "schema_version" not in manifest:
        raise UserError(f"{path}: no manifest of a run (it has no `schema_version`); {REMEDY}")
    if manifest["schema_version"] != MANIFEST_SCHEMA_VERSION:
        raise UserError(
            f"{path}: written as version {manifest['schema_version']!r:.40} of the manifest, this prunetune reads version "
            f"{MANIFEST_SCHEMA_VERSION}; use the prunetune that made the run"
        )
    try:
        _Manifest.model_validate(manifest)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UserError(f"{path}: damaged (`{place}`: {first['msg']}); {REMEDY}") from None
    return manifest


def write_manifest(run: RunFolder, manifest: dict[str, Any]) -> None:
    """Here, and in the bucket of a run that is in one."""
    atomic.write_json(run.manifest_file, manifest)
    run.publish(run.manifest_file.name)
