"""`manifest.json`: what a run was made with, and that it goes on with the same weights and data."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from models import atomic
from models.errors import UserError
from models.versions import library_versions
from search.preflight import Foundation
from search.processors import available_cpus
from search.run_folder import RunFolder
from search.study import Study
from trainables.files.changed_keys import at_most, changed_keys
from trainables.record import finite

SCHEMA_VERSION = 1
FREE_TO_CHANGE = ("resources", "retention")
"""Sections of a study that change nothing about its trials."""


def read_manifest(run: RunFolder) -> dict[str, Any]:
    """The manifest, or an empty one before the first launch."""
    if not run.manifest_file.exists():
        return {"schema_version": SCHEMA_VERSION, "foundations": {}, "launches": []}
    manifest: dict[str, Any] = json.loads(run.manifest_file.read_text(encoding="utf-8"))
    return manifest


def check_foundations(run: RunFolder, found: Mapping[str, Foundation]) -> None:
    """UserError where the initial weights or the data of an arm are not those the run began with."""
    before = read_manifest(run)["foundations"]
    for arm, foundation in found.items():
        if arm not in before:
            continue
        for part in ("weights", "data"):
            old, new = before[arm][part]["digest"], foundation.to_json()[part]["digest"]
            if old != new:
                raise UserError(
                    f"{run.path}: the {part} of arm {arm} have changed since the run began (was {old[:12]}, now {new[:12]}); "
                    "restore them, or start another run with --name"
                )


def check_same_study(run: RunFolder, study: Study) -> None:
    """UserError, naming what changed, where the run's study is not the one it began with.

    It may have grown by `resume --trials-per-arm`, and what makes no trial another one may change.
    """
    manifest = read_manifest(run)
    if "study" not in manifest:
        return
    sizes = {size for growth in manifest.get("grown", ()) for size in growth["trials_per_arm"]}
    before, now = _lasting(manifest["study"], sizes), _lasting(study.to_json(), sizes)
    changes = changed_keys(before, now)
    if changes:
        raise UserError(
            f"{run.study_file}: has changed since the run began: {', '.join(at_most(changes))}; put it back, or start "
            "another run with --name (more configurations: prunetune resume --trials-per-arm N)"
        )


def _lasting(study: Mapping[str, Any], sizes: set[int]) -> dict[str, Any]:
    """What may not change of a study; the sizes it has grown through count as one."""
    kept = {key: value for key, value in study.items() if key not in FREE_TO_CHANGE}
    search = dict(kept.get("search") or {})
    if search.get("trials_per_arm") in sizes:
        search["trials_per_arm"] = max(sizes)
    return {**kept, "search": search}


def write_launch(
    run: RunFolder,
    generation: int,
    found: Mapping[str, Foundation],
    machine: Mapping[str, Any],
    command: Sequence[str],
    study: Study | None = None,
) -> None:
    """Add this launch, and at the first one what the arms stand on and the study as it is."""
    manifest = read_manifest(run)
    if study is not None:
        manifest.setdefault("study", finite(study.to_json()))
    foundations = {arm: foundation.to_json() for arm, foundation in found.items()}
    manifest["foundations"] = {**foundations, **manifest["foundations"]}
    manifest["launches"].append(
        {
            "generation": generation,
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "ended": None,
            "left": None,
            "command": list(command),
            "python": platform.python_version(),
            "system": platform.platform(),
            **machine,
        }
    )
    atomic.write_json(run.manifest_file, manifest)


def close_launch(run: RunFolder, left: str) -> None:
    """Note when and why the newest launch ended: `complete`, or the reason it was left."""
    manifest = read_manifest(run)
    manifest["launches"][-1] |= {"ended": datetime.now(UTC).isoformat(timespec="seconds"), "left": left}
    atomic.write_json(run.manifest_file, manifest)


def machine() -> dict[str, Any]:
    """Versions, commit and hardware of the driver's machine."""
    import torch

    from trainables.environment import LIBRARIES, commit, processor

    return {
        "commit": commit(),
        "libraries": library_versions(LIBRARIES),
        "processor": processor(),
        "cpus": available_cpus(),
        "gpus": [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())],
    }


def command_line() -> list[str]:
    """How this process was started, without the path of its program."""
    return ["prunetune", *sys.argv[1:]]
