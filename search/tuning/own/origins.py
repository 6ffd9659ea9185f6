"""Which files a launch's own sampler, stopping rule and callbacks were of: kept in the manifest, and told if they changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from search.run.files.manifest_file import read_manifest
from search.run.folder import RunFolder
from search.study.searching.algorithms import ALGORITHMS
from search.study.searching.callbacks import CALLBACKS
from search.study.searching.stopping_rules import STOPPING_RULES
from search.study.study import Study

SEARCH_PARTS = "search_parts"
"""The key of a launch in the manifest."""


def search_parts(study: Study) -> dict[str, Any]:
    """What a launch's entry in the manifest says of them, by reference; nothing where there are none. UserError as of each."""
    origins = [
        ALGORITHMS.origin(study.search.algorithm),
        STOPPING_RULES.origin(study.scheduler.kind),
        *(CALLBACKS.origin(callback.use) for callback in study.callbacks),
    ]
    found = {one.reference: one.to_json() for one in origins if one is not None}
    return {SEARCH_PARTS: found} if found else {}


def changed_parts(run: RunFolder, now: Mapping[str, Any]) -> list[str]:
    """A warning for each that has changed since the launch before."""
    launches = read_manifest(run)["launches"]
    before = launches[-1].get(SEARCH_PARTS, {}) if launches else {}
    return [
        f"{reference} has changed since the last launch ({origin['file']}): it speaks for what comes now alone"
        for reference, origin in now.get(SEARCH_PARTS, {}).items()
        if reference in before and before[reference]["digest"] != origin["digest"]
    ]
