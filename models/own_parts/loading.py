"""Importing a user's module or file, and what is said where that fails: in the user's file, at its line."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType

from models.errors import UserError
from models.own_parts.finder import OURS, PRIVATE, first_file, install, private_package, shadowed
from models.own_parts.places import look_in_last, places, sent
from models.own_parts.reference import Reference
from models.own_parts.sources import imported_names, is_looked_in, is_users, sha256_of

_loaded: dict[str, tuple[Path, str, bool]] = {}
"""User's modules that this process has imported, by name: their file, its SHA-256 then, and whether it lay where parts are
looked for."""


def load_module(reference: Reference, key: str) -> ModuleType:
    """The module that a reference names, imported; once, unless its files have changed since.

    UserError where it is not there, where ours hides it, or where it fails while it is imported.
    """
    install()
    _forget_changed()
    before = set(sys.modules)
    try:
        module = _by_path(reference, key) if reference.file is not None else _by_name(reference, key)
    finally:
        _note(set(sys.modules) - before)
    if module.__name__ in _loaded:
        _check_nothing_hidden(_loaded[module.__name__][0], module.__name__, reference, key)
    return module


_kept = False


def keep_what_is_imported(kept: bool) -> None:
    """Whether the user's modules stay as they are in this process, whatever becomes of their files."""
    global _kept
    _kept = kept


def stamp() -> tuple[object, ...] | None:
    """Another one wherever a part may be another than before: where parts are looked for, and the user's files so far. None
    where what is imported stays as it is."""
    if _kept:
        return None
    return (places(), *((file, *_times(file)) for file, *_ in _loaded.values()))


def loaded_files() -> tuple[Path, ...]:
    """The user's files that this process has imported modules from."""
    return tuple(file for file, *_ in _loaded.values())


def looked_in() -> str:
    """The folders that parts are looked for in, for a message."""
    return ", ".join(str(folder) for folder in places())


def _by_path(reference: Reference, key: str) -> ModuleType:
    stated = Path(str(reference.file)).expanduser()
    copies = [copy / stated.relative_to(here) for here, copy in sent().items() if stated.is_relative_to(here)]
    found = next((one for one in [*copies, *(folder / stated for folder in places())] if one.is_file()), None)
    if found is None:
        raise UserError(f"{reference.text}: there is no file {stated}; looked for in {looked_in()}", key=key)
    file = found.resolve()
    look_in_last(file.parent)  # what lies beside it can be imported
    name = f"{private_package(file.parent)}.{file.stem}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        raise _failed(reference, key, error) from error
    return module


def _by_name(reference: Reference, key: str) -> ModuleType:
    name = str(reference.module)
    hidden = shadowed(name)
    if hidden is not None:
        raise UserError(
            f"{reference.text}: {hidden} cannot be imported as {name}, which is a module of prunetune's own; rename it, or "
            f"name it by its path: {hidden.name}:{reference.object} with the folders before it",
            key=key,
        )
    try:
        return importlib.import_module(name)
    except BaseException as error:
        if isinstance(error, ModuleNotFoundError) and error.name and f"{name}.".startswith(f"{error.name}."):
            raise UserError(
                f"{reference.text}: there is no module {error.name}; looked for among what is installed and in {looked_in()}",
                key=key,
            ) from error
        raise _failed(reference, key, error) from error


def _failed(reference: Reference, key: str, error: BaseException) -> BaseException:
    """What to raise for an error in a user's module: a mistake of the user's, told at the line that it was made in."""
    if not isinstance(error, Exception | SystemExit):
        return error
    hint = ""
    if isinstance(error, ImportError) and error.name and (hidden := shadowed(error.name)) is not None:
        hint = f" ({error.name} is a module of prunetune's own, which hides {hidden}; rename that, or import it relatively)"
    return UserError(
        f"{reference.text}: {users_error(error, ' while it was imported')}{hint}; correct it there",
        key=key,
    )


def users_error(error: BaseException, when: str = "") -> str:
    """FILE:LINE of the user's that an error went through, its kind, when it came, and what it says, in one line."""
    return f"{users_line(error)}{type(error).__name__}{when}: {' '.join(str(error).split()) or 'no further words'}"


def users_line(error: BaseException) -> str:
    """FILE:LINE of the innermost of the user's own lines that an error went through, and a colon; else nothing."""
    if isinstance(error, SyntaxError) and error.filename and _is_told(Path(error.filename)):
        return f"{error.filename}:{error.lineno}: "
    frames = [one for one in traceback.extract_tb(error.__traceback__) if _is_told(Path(one.filename))]
    return f"{frames[-1].filename}:{frames[-1].lineno}: " if frames else ""


def _is_told(file: Path) -> bool:
    """Whether an error's line there is one of the user's: of a part's file, wherever it lies."""
    return is_looked_in(file) or any(file == known for known, *_ in _loaded.values())


def _times(file: Path) -> tuple[int, int]:
    """When it was written, and its size; of a file that is gone, nothing."""
    try:
        found = file.stat()
    except OSError:
        return 0, -1
    return found.st_mtime_ns, found.st_size


def _note(names: set[str]) -> None:
    for name in names:
        file = getattr(sys.modules.get(name), "__file__", None)
        if file is not None and str(file).endswith(".py") and is_users(Path(str(file))):
            _loaded[name] = Path(str(file)), sha256_of(Path(str(file))), is_looked_in(Path(str(file)))


def _forget_changed() -> None:
    """Forget all of the user's modules where one has changed, or would be found elsewhere by now: some import others."""
    if _kept or not any(_has_changed(*one) or _is_behind(name, one[0]) for name, one in _loaded.items()):
        return
    for name in [*_loaded, *(one for one in sys.modules if one.startswith(PRIVATE))]:
        sys.modules.pop(name, None)
    _loaded.clear()
    importlib.invalidate_caches()


def _has_changed(file: Path, digest: str, was_looked_in: bool) -> bool:
    return not file.is_file() or (was_looked_in and not is_looked_in(file)) or sha256_of(file) != digest


def _is_behind(name: str, file: Path) -> bool:
    """Whether another file of this name lies in a folder that comes first by now; what Python finds itself comes before all."""
    top = name.partition(".")[0]
    if name.startswith(PRIVATE) or (top not in OURS and PathFinder.find_spec(top) is not None):
        return False
    return first_file(name) not in (None, file)


def _check_nothing_hidden(file: Path, module: str, reference: Reference, key: str) -> None:
    """UserError where a user's file imports a module that it has of its own, and was given ours of the same name."""
    for name in imported_names(file, module):
        hidden = shadowed(name)
        if hidden is not None:
            raise UserError(
                f"{reference.text}: {file} imports {name}, which is a module of prunetune's own and hides {hidden}; rename "
                "that, or import it relatively",
                key=key,
            )
