"""The user's own parts on a cluster: Ray sends the Python files of their folders to every node, where they are found first."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from models.errors import UserError
from models.own_parts.loading import loaded_files
from models.own_parts.places import ENVIRONMENT_KEY, SENT, places, sent_name

MOST_FILES = 2000
MOST_BYTES = 20 * 1024 * 1024
NOT_SENT = ("__pycache__", "node_modules", "site-packages", "dist-packages")


def sending_environment(folder: Path) -> dict[str, Any]:
    """What of a runtime environment of Ray's has a study's own parts found on every node: `env_vars`, and `py_modules` where
    any part has been imported here. The copies that Ray sends are made in `folder`.

    They are a package of which nothing is imported: Ray would put a working folder before our packages, and a user's may have
    some of the same names.
    """
    here = places()
    environment: dict[str, Any] = {"env_vars": {ENVIRONMENT_KEY: os.pathsep.join(map(str, here))}}
    used = [place for place in here if any(file.is_relative_to(place) for file in loaded_files())]
    if not used:
        return environment
    package = folder / SENT
    package.mkdir()
    (package / "__init__.py").write_text('"""Copies of a user\'s Python files, for the trials of a study."""\n')
    for place in used:
        _copy(place, package / sent_name(here.index(place)))
    return environment | {"py_modules": [str(package)]}


def _copy(place: Path, to: Path) -> None:
    """The Python files below a folder. UserError where these are so many that it cannot be a folder of parts."""
    size = 0
    for count, file in enumerate(_python_files(place)):
        size += file.stat().st_size
        if count >= MOST_FILES or size > MOST_BYTES:
            raise UserError(
                f"{place}: holds parts of the study, and more than {MOST_FILES:,} Python files or {MOST_BYTES >> 20} MB of "
                "them, which would be sent to every node; put the study and its parts into a folder of their own, or install "
                "them on the nodes"
            )
        copy = to / file.relative_to(place)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)


def _python_files(place: Path) -> Iterator[Path]:
    for folder, inner, files in os.walk(place):
        hidden = [name for name in inner if name.startswith(".") or name in NOT_SENT]
        environments = [name for name in inner if (Path(folder) / name / "pyvenv.cfg").exists()]
        inner[:] = sorted(set(inner) - {*hidden, *environments})
        yield from (Path(folder) / name for name in sorted(files) if name.endswith(".py"))
