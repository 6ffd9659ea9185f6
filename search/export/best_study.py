"""`best.yaml`: one trial as a complete study file, with what it should come to and what it came from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models import atomic
from models.errors import UserError
from models.save_load import load_parts
from search.config_file import key_tree, yaml_file
from search.run.candidates import Candidate
from trainables.config.distill import TEACHER_KEY
from trainables.files.remote.at_need import fetched

HEADER = """\
# One trial, whole: `prunetune trial {file}` repeats it to the same accuracy on the same kind of machine and versions.
# `provenance` says what it came from and what it came to; it changes nothing.
"""
SCRATCH_SOURCE = "scratch-source.safetensors"
"""Beside best.yaml of a `scratch` trial: the state file that it takes its structure from."""


def write_best_study(path: Path, name: str, candidate: Candidate, provenance: dict[str, Any]) -> tuple[str, ...]:
    """Write the candidate's trial as a study file; the trial runs whole even where an earlier state was chosen.

    Returns the names of files beside it that it needs. Raises UserError where one of them is gone or damaged.
    """
    config, needed = with_scratch_source(candidate, path.parent)
    record = candidate.trial.record
    config = found_anywhere(config, {} if record is None else record.header)
    study = yaml_file.dump({"name": name, "trial": config, "provenance": provenance})
    atomic.write_text(path, HEADER.format(file=path.name) + study)
    return needed


def found_anywhere(config: Mapping[str, Any], header: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration, whose files of weights are these and no others by their SHA-256; those that were found by themselves
    are found again wherever they lie on another machine."""
    files = {
        "model.init": header.get("weights", {}).get("provenance", {}).get("source_sha256"),
        f"{TEACHER_KEY}.init": header.get("teacher", {}).get("source_sha256"),
    }
    changed = dict(config)
    for key, recorded in files.items():
        if isinstance(init := key_tree.get(config, key), Mapping):
            changed = key_tree.replaced(changed, key, _init_anywhere(init, recorded))
    return changed


def _init_anywhere(init: Mapping[str, Any], recorded: str | None) -> dict[str, Any]:
    sha256, found = init.get("sha256") or recorded, init.get("found")
    of_here = {"found": None} if found else {}
    if not init.get("path") or not sha256:
        return {**init, **of_here}
    return {**init, "sha256": sha256, **({**of_here, "path": None} if found else {})}


def with_scratch_source(candidate: Candidate, folder: Path) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The trial's configuration with what it needs from its run copied to `folder`, and the copies' names."""
    config, copy = candidate.trial.config, folder / SCRATCH_SOURCE
    file = key_tree.get(config, "prune.scratch.file")
    if not candidate.trial.traits.from_scratch or not isinstance(file, str):
        return config, ()
    source = fetched(Path(file))
    if not source.exists():
        raise UserError(
            f"{candidate.name}: {file}, which it takes its structure from, is not there any more; put it back, or export "
            "another trial with --state TRIAL:K"
        )
    load_parts(source)  # a damaged file is found now
    if source.resolve() != copy.resolve():
        atomic.write_bytes(copy, source.read_bytes())
    return key_tree.replaced(config, "prune.scratch.file", SCRATCH_SOURCE), (SCRATCH_SOURCE,)


def provenance_of(candidate: Candidate, run: Path, chosen: str | None) -> dict[str, Any]:
    """Where a network comes from: run, trial, commit, versions, weights and data, and what it measured."""
    record = candidate.trial.record
    assert record is not None
    environment, weights, data = (record.header.get(part, {}) for part in ("environment", "weights", "data"))
    last = candidate.trial.last
    more: dict[str, Any] = {part: record.header[part] for part in ("teacher", "parts") if part in record.header}
    return {
        "run": run.name,
        "trial": candidate.trial.id,
        "arm": candidate.trial.identity.arm,
        "phase": candidate.trial.identity.phase,
        "seed": candidate.trial.identity.seed,
        "status": candidate.trial.status,
        "chosen_state": candidate.state.state,
        "chosen": chosen or "named by hand",
        "expected": {
            "last_state": last.state,
            "val_accuracy": last.val_accuracy,
            "test_accuracy": last.test_accuracy,
            "chosen_state_val_accuracy": candidate.state.val_accuracy,
        },
        "commit": environment.get("commit"),
        "versions": {"python": environment.get("python"), **environment.get("libraries", {})},
        "hardware": {key: environment.get(key) for key in ("device", "gpu", "processor", "precision", "threads")},
        "weights": weights,
        **more,
        "data": data,
    }
