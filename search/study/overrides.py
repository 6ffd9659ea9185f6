"""`--set KEY=VALUE`: one value of a study file replaced on the command line; a searched key is fixed by it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from models.errors import UserError
from models.names import nearest, nearest_key, suggestion
from search.config_file import key_tree, yaml_file
from search.config_file.key_tree import is_known, known_keys
from search.config_file.mistakes import Sources
from search.space.parameter import read_parameters
from search.study.sections import StudySections
from trainables.config.trial import TrialConfig

SECTIONS = tuple(StudySections.model_fields)
PATH_KEYS = ("data.root", "model.init.path", "prune.scratch.file")
"""Keys of a trial that hold paths."""
Raw = dict[str, Any]


def apply_sets(raw: Raw, sources: Sources, sets: Iterable[str]) -> tuple[Raw, Sources]:
    """The study file's content with every `KEY=VALUE` in place; values are YAML, and paths are relative to here.

    `raw` has been through `plain_form`. UserError for a key that is not known or a value that cannot take effect.
    """
    for text in sets:
        key, equals, value_text = text.partition("=")
        key = key.strip()
        option = f"--set {text}"
        if not equals or not key:
            raise UserError(f"{option}: KEY=VALUE is expected, such as --set trial.train.lr=0.001")
        value = value_text.strip() if key == "name" else yaml_file.parse(value_text, option).content
        raw, sources = _apply(raw, sources, key, value, option)
    return raw, sources


def _apply(raw: Raw, sources: Sources, key: str, value: Any, option: str) -> tuple[Raw, Sources]:
    section, _, rest = key.partition(".")
    if section not in SECTIONS:
        if not is_known(key):
            raise _unknown(option, key)
        section, rest, key = "trial", key, f"trial.{key}"
    if section == "trial":
        return _set_trial(raw, rest, value, option), sources.with_option(tuple(key.split(".")), option)
    if section == "arms" and rest:
        return _set_arm(raw, sources, rest, value, option)
    if section == "space" and rest:
        return _set_space(raw, rest, value), sources.with_option(("space", rest.removeprefix("trial.")), option)
    if section == "search" and rest == "warm_start":
        value = resolved(value, Path.cwd())
    elif rest and key not in known_keys(StudySections):
        raise _unknown(option, key)
    return key_tree.replaced(raw, key, value), sources.with_option(tuple(key.split(".")), option)


def _set_trial(raw: Raw, key: str, value: Any, option: str) -> Raw:
    if not key:
        raise UserError(f"{option}: name one key of the trial, such as trial.train.lr")
    patch = key_tree.nested(key, value)
    for leaf, _ in key_tree.leaves(patch):
        if not is_known(leaf):
            raise _unknown(option, f"trial.{leaf}")
        _refuse_without_effect(raw, leaf, option)
    space = {searched: spec for searched, spec in raw["space"].items() if not _fixes(patch, searched)}
    value = key_tree.get(with_paths(patch, Path.cwd()), key)
    return {**raw, "trial": key_tree.replaced(raw["trial"], key, value), "space": space}


def _refuse_without_effect(raw: Raw, key: str, option: str) -> None:
    """An arm's patch stands above the trial, and a searched sub-tree above both."""
    arms = raw["arms"]
    patching = [arm for arm, patch in arms.items() if any(key_tree.overlap(key, patched) for patched in patch)]
    if arms and len(patching) == len(arms):
        raise UserError(f"{option}: every arm sets {key} itself; write --set arms.{patching[0]}.{key}=... instead")
    for searched, spec in raw["space"].items():
        if not key.startswith(searched + "."):
            continue
        try:
            sets = [leaf for parameter in read_parameters(searched, spec) for leaf in parameter.sets()]
        except ValueError:
            continue  # the space's own check names this mistake, with its line
        if any(key_tree.overlap(key, leaf) for leaf in sets):
            raise UserError(f"{option}: {searched} is searched as a whole; fix it with --set trial.{searched}=...")


def _fixes(patch: Mapping[str, Any], searched: str) -> bool:
    return key_tree.get(patch, searched) is not key_tree.ABSENT


def _set_arm(raw: Raw, sources: Sources, rest: str, value: Any, option: str) -> tuple[Raw, Sources]:
    arm, _, key = rest.partition(".")
    key = key.removeprefix("trial.")
    if arm not in raw["arms"]:
        arms = raw["arms"]
        raise UserError(f"{option}: {arm!r} is no arm ({', '.join(arms) or 'none'}){suggestion(nearest(arm, arms))}")
    if not key or not is_known(key):
        raise _unknown(option, f"trial.{key}" if key else "trial", f"arms.{arm}.")
    patch = {old: one for old, one in raw["arms"][arm].items() if not key_tree.overlap(old, key)}
    shadowed = [old for old in raw["arms"][arm] if key.startswith(old + ".")]
    for old in shadowed:
        tree = key_tree.replaced(key_tree.nested(old, raw["arms"][arm][old]), key, value)
        patch.update(key_tree.leaves(tree))
    if not shadowed:
        patch[key] = value
    patch = dict(key_tree.leaves(with_paths(key_tree.with_keys({}, patch), Path.cwd())))
    return {**raw, "arms": {**raw["arms"], arm: patch}}, sources.with_option(("arms", arm, key), option)


def _set_space(raw: Raw, key: str, value: Any) -> Raw:
    """A distribution, or null to search the key no more."""
    key = key.removeprefix("trial.")
    space = {searched: spec for searched, spec in raw["space"].items() if searched != key}
    return {**raw, "space": space if value is None else {**space, key: value}}


def _unknown(option: str, key: str, prefix: str = "") -> UserError:
    known = [f"trial.{one}" for one in known_keys(TrialConfig)]
    if not prefix:
        known += list(known_keys(StudySections))
    near = nearest_key(key, known)
    if near is not None and prefix:
        near = prefix + near.removeprefix("trial.")
    return UserError(
        f"{option}: {prefix}{key.removeprefix('trial.') if prefix else key} is not a known key{suggestion(near)}"
    )


def with_paths(tree: Mapping[str, Any], folder: Path) -> Raw:
    """A (part of a) trial's tree with the relative paths in it resolved against `folder`."""
    result = dict(tree)
    for key in PATH_KEYS:
        value = key_tree.get(result, key)
        if isinstance(value, str):
            result = key_tree.replaced(result, key, resolved(value, folder))
    return result


def resolved(value: Any, folder: Path) -> Any:
    """A path's text made absolute against `folder`; anything else unchanged, for validation to judge."""
    if not isinstance(value, str) or not value:
        return value
    return str((folder / Path(value).expanduser()).resolve())
