"""The user's files that a module is made of: itself, and those of the user's folders that it imports, as its text says."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from models.own_parts.finder import OURS
from models.own_parts.places import places
from models.versions import ROOT

INSTALLED = ("site-packages", "dist-packages")
STANDARD_LIBRARY = Path(sysconfig.get_path("stdlib"))


def is_users(file: Path) -> bool:
    """Whether it is the user's, wherever it lies: neither installed, nor of the standard library, nor ours."""
    if not file.is_absolute() or any(part in INSTALLED for part in file.parts):
        return False
    if file.is_relative_to(STANDARD_LIBRARY):
        return False
    return not any(file.is_relative_to(ROOT / package) for package in OURS)


def is_looked_in(file: Path) -> bool:
    """Whether it is the user's, and lies where parts are looked for."""
    return is_users(file) and any(file.is_relative_to(folder) for folder in places())


def imported_names(file: Path, module: str) -> Iterator[str]:
    """The modules that a file's text names in its imports, those within functions too; `module` is its own name."""
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(file.read_bytes(), filename=str(file))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parent = "." * node.level + (node.module or "")
            try:
                name = importlib.util.resolve_name(parent, package) if node.level else parent
            except ImportError:
                continue
            yield name
            yield from (f"{name}.{alias.name}" for alias in node.names if alias.name != "*")


def files_of(file: Path, module: str) -> dict[str, Path]:
    """Module name → file: a user's module, and all modules of the user's that it imports, by way of others too, with the
    packages that they lie in."""
    found: dict[str, Path] = {}
    waiting = [(module, file)]
    while waiting:
        name, here = waiting.pop()
        if name in found:
            continue
        found[name] = here
        for other in (*_packages_of(name), *imported_names(here, name)):
            where = _file_of(other)
            if where is not None and is_users(where):
                waiting.append((other, where))
    return found


def _packages_of(module: str) -> Iterator[str]:
    """The packages that a module lies in, which are imported with it."""
    while module := module.rpartition(".")[0]:
        yield module


def _file_of(module: str) -> Path | None:
    """Where a module's text lies, if it may be a user's; None for one that is not there or is not written in Python.

    Nothing is imported for the answer but the user's own packages and ours.
    """
    top = module.partition(".")[0]
    try:
        if top not in OURS and not _may_be_users(top):
            return None
        spec = importlib.util.find_spec(module)
    except (ImportError, AttributeError, ValueError):  # of a name that is no module but something in one
        return None
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    return Path(spec.origin)


def _may_be_users(top: str) -> bool:
    spec = importlib.util.find_spec(top)
    where = [] if spec is None else [spec.origin, *(spec.submodule_search_locations or ())]
    return any(is_users(Path(one)) for one in where if one)


def sha256_of(file: Path) -> str:
    """Of a file's contents."""
    return hashlib.sha256(file.read_bytes()).hexdigest()
