"""`manifest.json`: which run a request means, what it was made with, and that it goes on with the same weights and data."""

from __future__ import annotations

import itertools
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from models import atomic
from models.errors import UserError
from models.own_parts.kept import keep_places
from models.versions import library_versions
from pruning.own_methods import recorded_traits
from search.console import announce
from search.run.changing.begun import as_begun
from search.run.changing.free import FREE_TO_CHANGE
from search.run.changing.noted import note_changes
from search.run.files.everything import read_everything
from search.run.files.manifest_file import read_manifest, write_manifest
from search.run.folder import RunFolder
from search.run.plan import plan_of
from search.run.possible.machine import check_machine
from search.run.preflight import StartingPoint
from search.run.results import with_found_recipes
from search.study.beside.run_names import METHODS_KEY
from search.study.load import as_it_was, load_study
from search.study.rules import check_study_file
from search.study.sections import ConfirmConfig, StudySections
from search.study.study import SETTINGS, Study
from trainables.files.changed_keys import at_most, changed_keys
from trainables.files.json_lines import finite

FIRST_CONFIRM_SEED = 101
"""Where a study that had no confirm phase gets one."""


def check_same_study(run: RunFolder, study: Study) -> None:
    """UserError, naming what changed, where the run's study is not the one it began with.

    It may have grown by `resume --trials-per-arm` and `--confirm-seeds`, and what makes no trial another one may change.
    """
    manifest = read_manifest(run)
    if "study" not in manifest:
        return
    steps = manifest.get("grown", ())
    changes = changed_keys(_lasting(_completed(manifest["study"]), steps), _lasting(study.to_json(), steps))
    if changes:
        raise UserError(
            f"{run.study_file}: has changed since the run began: {', '.join(at_most(changes))}; put it back, or start "
            "another run with --name (more of the same: prunetune resume --trials-per-arm N, --confirm-seeds N)"
        )


def check_goes_on(run: RunFolder, study: Study) -> None:
    """UserError for all in a run's files that its next launch with this study would refuse: to be asked before they change."""
    trials = read_everything(run)
    check_same_study(run, study)
    as_begun(with_found_recipes(run, study), trials)


def _completed(study: Mapping[str, Any]) -> dict[str, Any]:
    """A study as an earlier version wrote it, with the defaults of keys that have come since."""
    came_since = {
        name: {**StudySections.model_fields[name].default.model_dump(mode="json"), **study.get(name, {})}
        for name in SETTINGS
    }
    return as_it_was({**study, **came_since})


def _lasting(study: Mapping[str, Any], steps: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What may not change of a study; the sizes it has grown through count as one."""
    kept = {key: value for key, value in study.items() if key not in FREE_TO_CHANGE}
    search = dict(kept.get("search") or {})
    sizes = [size for step in steps for size in step.get("trials_per_arm", ())]
    if search.get("trials_per_arm") in sizes:
        search["trials_per_arm"] = max(sizes)
    lists = [seeds for step in steps for seeds in step.get("confirm_seeds", ())]
    if list((search.get("confirm") or {}).get("seeds", ())) in lists:
        search["confirm"] = {"seeds": max(lists, key=len)}
    compare = {key: value for key, value in (kept.get("compare") or {}).items() if not steps or key != "looks"}
    return {**kept, "search": search, "compare": compare}


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
        if methods := recorded_traits(study.to_json()):
            manifest[METHODS_KEY] = methods
        if study.dense_recipes:
            manifest.setdefault("dense_recipes", [dict(one) for one in study.dense_recipes])
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
    write_manifest(run, manifest)


def close_launch(run: RunFolder, generation: int, left: str) -> None:
    """Note when and why a launch ended: `complete`, or the reason it was left."""
    manifest = read_manifest(run)
    ended = {"ended": datetime.now(UTC).isoformat(timespec="seconds"), "left": left}
    manifest["launches"] = [one | ended if one["generation"] == generation else one for one in manifest["launches"]]
    write_manifest(run, manifest)


def unclosed(run: RunFolder) -> int | None:
    """The generation of the newest launch, where that was killed before it came to its own end."""
    return next((one["generation"] for one in read_manifest(run)["launches"][-1:] if one.get("left") is None), None)


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


def open_run(storage: Path, study: Study, launched: Study | None = None, *, take_over: bool = False) -> RunFolder:
    """The run of `study` under `storage`, made if it is not there yet. What it changes of `FREE_TO_CHANGE` holds.

    `launched` is the study with the resources of this launch, where they are not its own; `take_over` is as of
    `RunFolder.held`. UserError, naming what changed, where a run of another study has that name; where somebody drives a
    run that would change; and for what this machine does not have, before anything is written.
    """
    run = RunFolder((storage / study.name).resolve())
    plan_of(study)
    if run.study_file.exists():
        recorded = load_study(run.study_file, recorded=True)
        changes = changed_keys(recorded.to_json(), study.to_json())
        if not changes:
            return run
        if all(change.partition(" ")[0].partition(".")[0] in FREE_TO_CHANGE for change in changes):
            run.check_free(take_over=take_over)
            check_machine(study if launched is None else launched)
            check_goes_on(run, study)
            announce(f"{run.path}: changed since its last launch: {', '.join(at_most(changes))}")
            note_changes(run, recorded, study)
            _write_study(run, study)
            return run
        if run.has_begun():
            check_same_study(
                run, load_study(run.study_file, recorded=True)
            )  # of the two it may be the run's that changed
            raise UserError(
                f"{run.path}: holds a run of another study: {', '.join(at_most(changes))}; choose another --name or "
                f"--storage, or go on with it as it is: prunetune resume {run.path}"
            )
        # Nothing has begun: the last request was found wrong before its first trial, and this is the mended one.
    elif run.path.is_dir() and not all(atomic.is_unfinished(path) for path in run.path.iterdir()):
        raise UserError(f"{run.path}: holds something, but no run; choose another --name or --storage")
    _write_study(run, study)
    return run


def _write_study(run: RunFolder, study: Study) -> None:
    keep_places(run.path, study.to_json())
    atomic.write_text(run.study_file, study.to_yaml())


def grown(run: RunFolder, study: Study, trials_per_arm: int | None = None, confirm_seeds: int | None = None) -> Study:
    """The study with so many configurations for each arm and so many confirm seeds, written into the run's folder.

    New confirm seeds follow the largest there is, so that the same growth means the same seeds. UserError for fewer than
    there are. The caller has seen that nobody drives the run.
    """
    search = study.search
    step: dict[str, Any] = {}
    if trials_per_arm is not None and _more("--trials-per-arm", search.trials_per_arm, trials_per_arm, "for each arm"):
        step["trials_per_arm"] = [search.trials_per_arm, trials_per_arm]
        search = search.model_copy(update={"trials_per_arm": trials_per_arm})
    stated = search.confirm.seeds if search.confirm else ()
    if confirm_seeds is not None and _more("--confirm-seeds", len(stated), confirm_seeds, "to confirm with"):
        seeds = (*stated, *fresh_seeds(run, study, confirm_seeds - len(stated)))
        step["confirm_seeds"] = [list(stated), list(seeds)]
        search = search.model_copy(update={"confirm": ConfirmConfig(seeds=seeds)})
    # Grown, a study is judged at any time, and the looks that it stated are none any more.
    compare = study.compare.model_copy(update={"looks": None}) if step else study.compare
    bigger = replace(study, search=search, compare=compare)
    plan_of(bigger)
    if step:
        check_study_file(bigger)
        # Noted in the manifest too: a grown study is judged by evidence that is valid at any time.
        manifest = read_manifest(run)
        manifest["grown"] = [*manifest.get("grown", ()), step]
        manifest.pop("settled", None)
        write_manifest(run, manifest)
        atomic.write_text(run.study_file, bigger.to_yaml())
    return bigger


def fresh_seeds(run: RunFolder, study: Study, count: int) -> tuple[int, ...]:
    """The next `count` seeds after the study's confirm seeds, from 101 on where it has none, that no search has used."""
    found = [trial.identity for trial in read_everything(run)]
    searched = {one.seed for one in found if one.phase != "confirm"} | set(study.search.seeds or ())
    searched |= {int(arm.value("seed") or 0) for arm in study.arms.values()}
    last = max(study.search.confirm.seeds) if study.search.confirm else FIRST_CONFIRM_SEED - 1
    return tuple(islice((seed for seed in itertools.count(last + 1) if seed not in searched), count))


def _more(option: str, before: int, asked: int, what: str) -> bool:
    if asked < before:
        raise UserError(f"{option}: the run has {before} {what} already; give at least that, found {asked}")
    return asked > before
