"""A run remembers where the study's own parts were looked for: what is started of it later looks there too."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models import atomic
from models.own_parts.places import look_in_last, places
from models.own_parts.reference import is_reference

FILE = "parts.json"


def names_own_parts(content: Any) -> bool:
    """Whether anything in plain data is a reference; whatever else it may look like, for that is harmless here."""
    if isinstance(content, Mapping):
        return any(map(names_own_parts, content.values()))
    if isinstance(content, list | tuple):
        return any(map(names_own_parts, content))
    return isinstance(content, str) and is_reference(content)


def keep_places(run: Path, study: Mapping[str, Any]) -> None:
    """Write `parts.json` into a run's folder, where its study names parts of a user's own."""
    if names_own_parts(study):
        atomic.write_json(run / FILE, {"folders": [str(folder) for folder in places()]})


def look_where_kept(run: Path) -> None:
    """Look in the folders that a run has kept too, after all others; those that are gone are passed over."""
    try:
        folders = json.loads((run / FILE).read_bytes())["folders"]
    except (OSError, ValueError, KeyError, TypeError):
        return  # of a run without own parts, or a damaged note: what is not found is said by its name
    for folder in folders:
        if Path(folder).is_dir():
            look_in_last(Path(folder))
