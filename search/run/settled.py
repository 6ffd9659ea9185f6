"""A study with stated looks may be settled before its last seed: the note of it in the run's manifest, and what it spares."""

from __future__ import annotations

from dataclasses import replace

from models import atomic
from search.run.folder import RunFolder
from search.run.manifest import read_manifest
from search.study.study import Study


def note_settled(run: RunFolder, seeds: int) -> None:
    """Note that every contrast was settled at the look of the first `seeds` confirm seeds. The caller holds the run's lock."""
    atomic.write_json(run.manifest_file, {**read_manifest(run), "settled": {"seeds": seeds}})


def settled_at(run: RunFolder, study: Study) -> int | None:
    """At how many confirm seeds the study was settled; None where it is not, or states no looks."""
    if not study.compare.looks or not run.manifest_file.exists():
        return None
    found = read_manifest(run).get("settled", {}).get("seeds")
    return None if found is None else int(found)


def still_asked(run: RunFolder, study: Study) -> Study:
    """The study with the confirm seeds that are to be run: all, or those up to the look that settled it."""
    seeds = settled_at(run, study)
    return study if seeds is None else with_confirm_seeds(study, seeds)


def with_confirm_seeds(study: Study, count: int) -> Study:
    """The study with the first `count` of its confirm seeds."""
    confirm = study.search.confirm
    if confirm is None or count >= len(confirm.seeds):
        return study
    fewer = confirm.model_copy(update={"seeds": confirm.seeds[:count]})
    return replace(study, search=study.search.model_copy(update={"confirm": fewer}))
