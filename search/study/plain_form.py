"""A study file's content in plain form: patches of arms and keys of the space dotted, relative paths resolved."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from models.local_path import is_url
from search.config_file import key_tree
from search.config_file.mistakes import Sources
from search.study.beside.logging_section import as_section

ARM_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_-]*$")
PATHS_OF_TRIAL = (
    "data.root",
    "model.init.path",
    "model.init.from",
    "train.distill.teacher.init.path",
    "prune.scratch.file",
)
NAMES_OF_WEIGHTS = ("timm:", "weights:")
"""What weights' names begin with where a file may stand as well."""
PATHS_OF_STUDY = ("search.warm_start", "resources.stages")
Raw = dict[str, Any]


def plain_form(content: Mapping[str, Any], sources: Sources, folder: Path) -> Raw:
    """The content with `trial`, `arms` and `space` in plain form; relative paths are taken from `folder`.

    What is plain already stays as it is. UserError, with its line, where one of them is no section.
    """
    raw: Raw = dict(content)
    for section in ("trial", "arms", "space"):
        raw[section] = {} if raw.get(section) is None else raw[section]
        if not isinstance(raw[section], dict):
            raise sources.error((section,), f": a section with keys is expected, found {raw[section]!r:.60}")
    raw["trial"] = with_paths(_expanded(raw["trial"], sources), folder, PATHS_OF_TRIAL)
    raw["arms"] = {str(arm): _plain_patch(str(arm), patch, sources, folder) for arm, patch in raw["arms"].items()}
    raw["space"] = {str(key).removeprefix("trial."): spec for key, spec in raw["space"].items()}
    if raw.get("logging") is not None:
        raw["logging"] = _logging(raw["logging"], sources)  # so that --set can reach a key of it
    return with_paths(raw, folder, PATHS_OF_STUDY)


def _logging(value: Any, sources: Sources) -> Any:
    try:
        return as_section(value)
    except ValueError as error:
        raise sources.error(("logging",), f": {error}") from None


def with_paths(tree: Mapping[str, Any], folder: Path, keys: Iterable[str]) -> Raw:
    """A tree with the relative paths that stand at these dotted keys resolved against `folder`.

    What is no text, a URL, or the name of published weights stays as it is, for validation to judge.
    """
    result = dict(tree)
    for key in keys:
        value = key_tree.get(result, key)
        if isinstance(value, str) and value and not is_url(value) and not value.startswith(NAMES_OF_WEIGHTS):
            result = key_tree.replaced(result, key, str((folder / Path(value).expanduser()).resolve()))
    return result


def _plain_patch(arm: str, patch: Any, sources: Sources, folder: Path) -> Raw:
    if not ARM_NAME.match(arm):
        raise sources.error(("arms", arm), ": an arm's name is made of letters, digits, '_' and '-'")
    if not isinstance(patch, dict | None):
        raise sources.error(("arms", arm), f": a patch like {{prune.method: rsst}} is expected, found {patch!r:.60}")
    flat = {str(key).removeprefix("trial."): value for key, value in (patch or {}).items()}
    return dict(key_tree.leaves(with_paths(key_tree.with_keys({}, flat), folder, PATHS_OF_TRIAL)))


def _expanded(trial: Mapping[str, Any], sources: Sources) -> dict[str, Any]:
    """The trial with dotted keys written out. UserError where a key is then there twice."""
    found: dict[str, Any] = {}
    for key, value in key_tree.leaves(trial):
        if key in found:
            raise sources.error(("trial", key), " is given twice")
        found[key] = value
    return key_tree.with_keys({}, found)
