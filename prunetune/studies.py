"""A study as Python is given it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from models.own_parts import look_in
from search.study import load
from search.study.study import Study


def load_study(
    file: str | os.PathLike[str], sets: Mapping[str, Any] | Sequence[str] = (), name: str | None = None
) -> Study:
    """Read and check a study file; what it names, such as data and weights, is not looked at yet.

    `sets` replaces values of the file: `{"trial.train.lr": 0.001}`, or as `--set` has them, `["trial.train.lr=0.001"]`.
    `name` replaces the file's own. UserError names the line, the key and the nearest valid name.
    """
    return load.load_study(Path(file), _options(sets), name)


def study_of(study: Study | str | os.PathLike[str]) -> Study:
    """Itself, or the one that the file holds; from now on its own parts are looked for in its folder first."""
    if not isinstance(study, Study):
        return load_study(study)
    if study.folder is not None:
        look_in(study.folder)
    return study


def _options(sets: Mapping[str, Any] | Sequence[str]) -> list[str]:
    if isinstance(sets, Mapping):
        return [f"{key}={_written(key, value)}" for key, value in sets.items()]
    return [sets] if isinstance(sets, str) else list(sets)


def _written(key: str, value: Any) -> str:
    """As `--set` reads it: a name as it stands, anything else as YAML, which JSON is but for what it escapes beyond 16 bits."""
    return str(value) if key == "name" else json.dumps(value, ensure_ascii=False, default=os.fspath)
