"""Which run a request means: a new one, the same one again, or a grown one; never another one by mistake."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from models import atomic
from models.errors import UserError
from search.plan import plan_of
from search.run_folder import RunFolder
from search.study import Study, load_study


def open_run(storage: Path, study: Study) -> RunFolder:
    """The run of `study` under `storage`, made if it is not there yet.

    UserError, naming what changed, where a run of another study has that name.
    """
    run = RunFolder((storage / study.name).resolve())
    plan_of(study)
    if not run.study_file.exists():
        if run.path.is_dir() and any(run.path.iterdir()):
            raise UserError(f"{run.path}: holds something, but no run; choose another --name or --storage")
        atomic.write_text(run.study_file, study.to_yaml())
        return run
    changes = changed_keys(load_study(run.study_file).to_json(), study.to_json())
    if changes and not run.trial_ids() and not run.manifest_file.exists():
        # Nothing has begun: the last request was found wrong before its first trial, and this is the mended one.
        atomic.write_text(run.study_file, study.to_yaml())
        return run
    if changes:
        raise UserError(
            f"{run.path}: holds a run of another study: {', '.join(changes)}; choose another --name or --storage, "
            f"or go on with it as it is: prunetune resume {run.path}"
        )
    return run


def changed_keys(before: Mapping[str, Any], now: Mapping[str, Any], most: int = 3) -> list[str]:
    """What differs between two studies, as `key was OLD, is now NEW`; at most `most` of them, then how many more."""
    old, new = _flat(before), _flat(now)
    keys = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    shown = [f"{key} was {_word(old, key)}, is now {_word(new, key)}" for key in keys[:most]]
    return shown + ([f"and {len(keys) - most} more"] if len(keys) > most else [])


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
        _note_growth(run, before, trials_per_arm)
        atomic.write_text(run.study_file, bigger.to_yaml())
    return bigger


def _note_growth(run: RunFolder, before: int, now: int) -> None:
    """Kept in the manifest: a verdict after another look at a grown study is exploratory."""
    from search.manifest import read_manifest

    manifest = read_manifest(run)
    manifest["grown"] = [*manifest.get("grown", ()), {"trials_per_arm": [before, now]}]
    atomic.write_json(run.manifest_file, manifest)


def _word(flat: Mapping[str, Any], key: str) -> str:
    return repr(flat[key]) if key in flat else "absent"


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(value, Mapping):
        return {prefix: list(value) if isinstance(value, tuple) else value}
    flat: dict[str, Any] = {}
    for key, entry in value.items():
        flat |= _flat(entry, f"{prefix}.{key}" if prefix else str(key))
    return flat
