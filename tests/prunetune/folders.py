"""A user's folder that has packages of our names, each of which says so where it is imported."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from prunetune.ours_first import OURS, ROOT


def folder_of_a_user(folder: Path) -> Path:
    """`models/`, `pruning/`, `trainables/` and `search/` in it; `models/mine.py` is a module that only the user has."""
    for name in OURS:
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(f"raise RuntimeError('{name} of the user was imported')\n")
    (folder / "models" / "mine.py").write_text("NAME = 'mine'\n")
    return folder


def python_there(
    folder: Path, *arguments: str, python: Path | str = sys.executable, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """A new Python with this checkout on its path, run in `folder`; `environment` is laid over this process's own."""
    given = {**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})}
    return subprocess.run(
        [str(python), *arguments], cwd=folder, env=given, capture_output=True, text=True, check=False, timeout=280
    )
