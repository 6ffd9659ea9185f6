"""`--set KEY=VALUE`: one value of a study file replaced on the command line; a searched key is fixed by it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from models.errors import UserError
from models.names import nearest, nearest_key, suggestion
from search.config_file import key_tree
from search.config_file.key_tree import is_known, known_keys
from search.config_file.mistakes import Sources
from search.config_file.set_option import read_set
from search.space.parameter import read_parameters
from search.study.plain_form import PATHS_OF_STUDY, PATHS_OF_TRIAL, Raw, plain_form, with_paths
from search.study.sections import StudySections


def apply_sets(raw: Raw, sources: Sources, sets: Iterable[str]) -> tuple[Raw, Sources]:
    """The study file's content with every `KEY=VALUE` in place; values are YAML, and paths are relative to here.

    `raw` has been through `plain_form`. UserError for a key that is not known or a value that cannot take effect.
    """
    for text in sets:
        given = read_set(text, "trial.train.lr=0.001")
        option, key, value = given.option, given.key, given.value
        if key.partition(".")[0] not in StudySections.model_fields:
            if not is_known(key):
                raise _unknown(option, key)
            key = f"trial.{key}"
        raw = _apply(raw, key, value, option)
        sources = sources.with_option((key,), option)
        if key in ("arms", "space", "logging"):
            raw = plain_form(raw, sources, Path.cwd())
    return raw, sources


def _apply(raw: Raw, key: str, value: Any, option: str) -> Raw:
    section, _, rest = key.partition(".")
    if section == "trial":
        return _set_trial(raw, rest, value, option)
    if section == "arms" and rest:
        return _set_arm(raw, rest, value, option)
    if section == "space" and rest:
        rest = rest.removeprefix("trial.")
        space = {searched: spec for searched, spec in raw["space"].items() if searched != rest}
        return {**raw, "space": space if value is None else {**space, rest: value}}
    if not is_known(key, StudySections):
        raise _unknown(option, key)
    return with_paths(key_tree.replaced(raw, key, value), Path.cwd(), PATHS_OF_STUDY)


def _set_trial(raw: Raw, key: str, value: Any, option: str) -> Raw:
    if not key:
        raise UserError(f"{option}: name one key of the trial, such as trial.train.lr")
    flat: dict[str, Any] = {}
    for leaf, one in key_tree.leaves(key_tree.nested(key, value)):
        if not is_known(leaf):
            raise _unknown(option, f"trial.{leaf}")
        if leaf in flat:
            raise UserError(f"{option}: trial.{leaf} is given twice")
        flat[leaf] = one
        _refuse_without_effect(raw, leaf, option)
    patch = key_tree.with_keys({}, flat)
    space = {one: spec for one, spec in raw["space"].items() if key_tree.get(patch, one) is key_tree.ABSENT}
    value = key_tree.get(with_paths(patch, Path.cwd(), PATHS_OF_TRIAL), key)
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
            parameters = read_parameters(searched, spec)
        except ValueError:
            continue  # the space's own check names this mistake, with its line
        if any(parameter.decides(key) for parameter in parameters):
            raise UserError(f"{option}: {searched} is searched as a whole; fix it with --set trial.{searched}=...")


def _set_arm(raw: Raw, rest: str, value: Any, option: str) -> Raw:
    arm, _, key = rest.partition(".")
    key = key.removeprefix("trial.")
    arms = raw["arms"]
    if arm not in arms:
        raise UserError(f"{option}: {arm!r} is no arm ({', '.join(arms) or 'none'}){suggestion(nearest(arm, arms))}")
    if not is_known(key):
        raise _unknown(option, f"trial.{key}" if key else "trial", arm)
    kept = {old: one for old, one in key_tree.leaves(arms[arm]) if not key_tree.overlap(old, key)}
    tree = with_paths(key_tree.with_keys({}, {**kept, key: value}), Path.cwd(), PATHS_OF_TRIAL)
    return {**raw, "arms": {**arms, arm: dict(key_tree.leaves(tree))}}


def _unknown(option: str, key: str, arm: str = "") -> UserError:
    """`key` begins with `trial.` where it is one of a trial's, or of that arm's patch."""
    near = nearest_key(key, [f"trial.{one}" for one in known_keys()] + [*(() if arm else known_keys(StudySections))])
    if arm:
        key, near = f"arms.{arm}.{key.removeprefix('trial.')}", near and f"arms.{arm}.{near.removeprefix('trial.')}"
    return UserError(f"{option}: {key} is not a known key{suggestion(near)}")
