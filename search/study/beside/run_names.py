"""What a run's own study file names besides what prunetune has: taken as it is, and methods are what the run says they are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.own_parts import Registry
from pruning.catalogue import CRITERIA, METHODS
from pruning.own_methods import read_recorded
from pruning.schedules import SCHEDULES
from search.study.searching.algorithms import ALGORITHMS
from search.study.searching.callbacks import CALLBACKS
from search.study.searching.stopping_rules import STOPPING_RULES
from trainables.config.data_sets import DATA_SETS

MANIFEST = "manifest.json"
METHODS_KEY = "methods"
NAMED: dict[str, tuple[Registry[Any], ...]] = {
    "method": (METHODS,),
    "criterion": (CRITERIA,),
    "kind": (SCHEDULES, STOPPING_RULES),
    "name": (DATA_SETS,),
    "algorithm": (ALGORITHMS,),
}
"""The last word of a key → which parts it may name."""


def take_names(raw: Mapping[str, Any], run: Path) -> None:
    """From now on the names in a run's study file are names, though the package that has them may be gone, and its methods are
    what the manifest beside it says of them. Nothing is imported."""
    _remember(raw, ())
    for one in raw.get("callbacks") or ():
        CALLBACKS.remember(str(next(iter(one), "") if isinstance(one, Mapping) and "use" not in one else _used(one)))
    try:
        read_recorded(json.loads((run / MANIFEST).read_bytes()).get(METHODS_KEY))
    except (OSError, ValueError, AttributeError):
        return  # of a run that has not begun; a damaged one is told by whoever reads its manifest


def _used(callback: Any) -> Any:
    return callback.get("use") if isinstance(callback, Mapping) else callback


def _remember(content: Any, registries: tuple[Registry[Any], ...]) -> None:
    if isinstance(content, Mapping):
        for key, value in content.items():
            _remember(value, NAMED.get(str(key).rpartition(".")[2], registries))
    elif isinstance(content, list | tuple):
        for value in content:
            _remember(value, registries)
    elif isinstance(content, str):
        for registry in registries:
            registry.remember(content)
