"""`manifest.json`: which run a request means, what it was made with, and that it goes on with the same weights and data."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

from models import atomic
from models.errors import UserError
from models.versions import library_versions
from search.run.folder import RunFolder
from search.run.plan import plan_of
from search.run.preflight import StartingPoint
from search.study.load import load_study
from search.study.study import Study
from trainables.files.changed_keys import at_most, changed_keys
from trainables.files.record import finite

MANIFEST_SCHEMA_VERSION = 1

FREE_TO_CHANGE = ("resources", "retention")
"""Sections of a study that change nothing about its trials."""


def read_manifest(run: RunFolder) -> dict[str, Any]:
    """The manifest, or an empty one before the first launch."""
    if not run.manifest_file.exists():
        return {"schema_version": MANIFEST_SCHEMA_VERSION, "foundations": {}, "launches": []}
    manifest: dict[str, Any] = json.loads(run.manifest_file.read_text(encoding="utf-8"))
    return manifest


def check_starting_points(run: RunFolder, found: Mapping[str, StartingPoint]) -> None:
    """UserError where the initial weights or the data of an arm are not those the run began with."""
    before = read_manifest(run)["foundations"]
    for arm, part in product(found, ("weights", "data")):
        new = found[arm].to_json()[part]["digest"]
        old = before[arm][part]["digest"] if arm in before else new
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
    changes = changed_keys(_lasting(manifest["study"], sizes), _lasting(study.to_json(), sizes))
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
    found: Mapping[str, StartingPoint],
    machine: Mapping[str, Any],
    command: Sequence[str],
    study: Study | None = None,
) -> None:
    """Add this launch, and at the first one what the arms stand on and the study as it is."""
    manifest = read_manifest(run)
    if study is not None:
        manifest.setdefault("study", finite(study.to_json()))
    manifest["foundations"] = {arm: one.to_json() for arm, one in found.items()} | manifest["foundations"]
    launch = {
        "generation": generation,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "ended": None,
        "left": None,
        "command": list(command),
        "python": platform.python_version(),
        "system": platform.platform(),
        **machine,
    }
    manifest["launches"].append(launch)
    atomic.write_json(run.manifest_file, manifest)


def close_launch(run: RunFolder, left: str) -> None:
    """Note when and why the newest launch ended: `complete`, or the reason it was left."""
    manifest = read_manifest(run)
    manifest["launches"][-1] |= {"ended": datetime.now(UTC).isoformat(timespec="seconds"), "left": left}
    atomic.write_json(run.manifest_file, manifest)


def machine() -> dict[str, Any]:
    """Versions, commit and hardware of the driver's machine."""
    import joblib
    import torch

    from trainables.files.environment import LIBRARIES, commit, processor

    return {
        "commit": commit(),
        "libraries": library_versions(LIBRARIES),
        "processor": processor(),
        "cpus": joblib.cpu_count(),
        "gpus": [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())],
    }


def command_line() -> list[str]:
    """How this process was started, without the path of its program."""
    return ["prunetune", *sys.argv[1:]]


def open_run(storage: Path, study: Study) -> RunFolder:
    """The run of `study` under `storage`, made if it is not there yet.

    UserError, naming what changed, where a run of another study has that name.
    """
    run = RunFolder((storage / study.name).resolve())
    plan_of(study)
    if run.study_file.exists():
        changes = changed_keys(load_study(run.study_file).to_json(), study.to_json())
        if not changes:
            return run
        if run.trial_ids() or run.manifest_file.exists():
            raise UserError(
                f"{run.path}: holds a run of another study: {', '.join(at_most(changes))}; choose another --name or "
                f"--storage, or go on with it as it is: prunetune resume {run.path}"
            )
        # Nothing has begun: the last request was found wrong before its first trial, and this is the mended one.
    elif run.path.is_dir() and any(run.path.iterdir()):
        raise UserError(f"{run.path}: holds something, but no run; choose another --name or --storage")
    atomic.write_text(run.study_file, study.to_yaml())
    return run


def grown(run: RunFolder, study: Study, trials_per_arm: int) -> Study:
    """The study with more configurations for each arm, written into the run's folder. UserError for fewer.

    The caller has seen that nobody drives the run.
    """
    before = study.search.trials_per_arm
    if trials_per_arm < before:
        raise UserError(
            f"--trials-per-arm: the run has {before} for each arm already; give at least that, found {trials_per_arm}"
        )
    bigger = replace(study, search=study.search.model_copy(update={"trials_per_arm": trials_per_arm}))
    plan_of(bigger)
    if trials_per_arm > before:
        # Noted in the manifest too: a verdict after another look at a grown study is exploratory.
        manifest = read_manifest(run)
        manifest["grown"] = [*manifest.get("grown", ()), {"trials_per_arm": [before, trials_per_arm]}]
        atomic.write_json(run.manifest_file, manifest)
        atomic.write_text(run.study_file, bigger.to_yaml())
    return bigger
