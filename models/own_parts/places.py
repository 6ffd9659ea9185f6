"""The folders that a user's own parts are looked for in: those of study files that were read, the working folder, and what
a cluster's driver has sent. They stand in the environment, so that every process started from here knows them."""

from __future__ import annotations

import os
from importlib.machinery import PathFinder
from pathlib import Path

ENVIRONMENT_KEY = "PRUNETUNE_PARTS"
"""Folders, separated like those of PATH."""
SENT = "prunetune_sent_parts"
"""The package that a cluster's driver sends: it holds copies of these folders, in their order."""


def look_in(folder: Path) -> None:
    """From now on look in this folder too, in this process and those that it starts; the newest is the first."""
    kept = str(folder.resolve())
    others = [one for one in _stated() if one != kept]
    os.environ[ENVIRONMENT_KEY] = os.pathsep.join([kept, *others])


def look_in_last(folder: Path) -> None:
    """As `look_in`, after all folders so far; one that is among them keeps its place."""
    if str(folder.resolve()) not in _stated():
        os.environ[ENVIRONMENT_KEY] = os.pathsep.join([*_stated(), str(folder.resolve())])


def places() -> tuple[Path, ...]:
    """Where own parts are looked for, in this order: what a cluster's driver has sent, which is what it has tried; folders of
    study files; the working folder."""
    return tuple(dict.fromkeys([*sent().values(), *map(Path, _stated()), *_working_folder()]))


def sent() -> dict[Path, Path]:
    """A folder as the driver knows it → the copy of its Python files here; nothing on the driver's own machine."""
    spec = PathFinder.find_spec(SENT)
    found = () if spec is None else spec.submodule_search_locations or ()
    copies = [Path(place) / sent_name(index) for place in found for index in range(len(_stated()))]
    return {Path(stated): copy for stated, copy in zip(_stated(), copies, strict=False) if copy.is_dir()}


def sent_name(index: int) -> str:
    """The name of the copy of the folder at this place of the driver's list."""
    return f"folder_{index}"


def _stated() -> list[str]:
    return [one for one in os.environ.get(ENVIRONMENT_KEY, "").split(os.pathsep) if one]


def _working_folder() -> list[Path]:
    try:
        return [Path.cwd()]
    except FileNotFoundError:  # it was removed under this process
        return []
