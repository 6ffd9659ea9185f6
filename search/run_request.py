"""Which run a request means: a new one, the same one again, or a grown one; never another one by mistake."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from models import atomic
from models.errors import UserError
from search.plan import plan_of
from search.run_folder import RunFolder
from search.study import Study, load_study
from trainables.files.changed_keys import at_most, changed_keys


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
            f"{run.path}: holds a run of another study: {', '.join(at_most(changes))}; choose another --name or --storage, "
            f"or go on with it as it is: prunetune resume {run.path}"
        )
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
        _note_growth(run, before, trials_per_arm)
        atomic.write_text(run.study_file, bigger.to_yaml())
    return bigger


def _note_growth(run: RunFolder, before: int, now: int) -> None:
    """Kept in the manifest: a verdict after another look at a grown study is exploratory."""
    from search.manifest import read_manifest

    manifest = read_manifest(run)
    manifest["grown"] = [*manifest.get("grown", ()), {"trials_per_arm": [before, now]}]
    atomic.write_json(run.manifest_file, manifest)
