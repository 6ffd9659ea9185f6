"""Imports from a user's folders, after everything else: what Python finds without us, it never finds here.

A user may have folders named `models/` or `search/`. Those names are ours, and a module that only the user's folder of that
name has is found in it: `models.my_net`, and `from models.blocks import X` in the user's own files.
"""

from __future__ import annotations

import hashlib
import importlib
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

from models.own_parts.places import places
from models.versions import ROOT

OURS = ("models", "pruning", "trainables", "search", "prunetune")
PRIVATE = "_prunetune_own_"
"""How the names of modules begin that were loaded by path; the folder of each is a package of such a name."""


class OwnFolders(MetaPathFinder):
    """Stands last in `sys.meta_path`. A name in one of our packages is looked for in the user's folder of the same name."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        top, *within = fullname.split(".")
        if path is not None and top not in OURS:
            return None  # its package has said where its modules lie
        if not within and top in OURS:
            return None
        for folder in places():
            spec = PathFinder.find_spec(fullname, [str(folder.joinpath(top, *within[:-1]) if within else folder)])
            if spec is not None and not _is_folder_alone(spec, folder):
                return spec
        return None


def _is_folder_alone(spec: ModuleSpec, folder: Path) -> bool:
    """A folder without any Python file is no package, whatever it is called."""
    if spec.origin is not None or spec.submodule_search_locations is None:
        return False
    return not any(next(Path(one).glob("**/*.py"), None) for one in spec.submodule_search_locations)


def install() -> None:
    """Let Python look in the user's folders; again is no harm."""
    if not any(isinstance(one, OwnFolders) for one in sys.meta_path):
        sys.meta_path.append(OwnFolders())
    importlib.invalidate_caches()


def private_package(folder: Path) -> str:
    """The name of the package whose modules lie in this folder; made where it is not there yet."""
    name = PRIVATE + hashlib.sha256(str(folder).encode()).hexdigest()[:12]
    if name not in sys.modules:
        package = ModuleType(name, f"Files of {folder}.")
        package.__path__ = [str(folder)]
        sys.modules[name] = package
    return name


def shadowed(module: str) -> Path | None:
    """The user's file of this module's name, where ours of the same name keeps it from being imported."""
    top, *within = module.split(".")
    if top not in OURS:
        return None
    for folder in places():
        here = next((one for one in _files_of(folder.joinpath(top, *within)) if one.is_file()), None)
        taken = any(one.is_file() for one in _files_of(ROOT.joinpath(top, *within)))
        if here is not None and taken and not here.is_relative_to(ROOT / top):
            return here
    return None


def first_file(module: str) -> Path | None:
    """The file of the first folder that has a module of this name; None where none has."""
    files = (one for folder in places() for one in _files_of(folder.joinpath(*module.split("."))))
    return next((one for one in files if one.is_file()), None)


def _files_of(path: Path) -> tuple[Path, Path]:
    return path.with_suffix(".py"), path / "__init__.py"
