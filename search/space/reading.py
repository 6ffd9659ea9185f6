"""A study file's `space:` section into a Space, with every mistake at its line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from models.errors import UserError
from models.names import nearest, nearest_key, suggestion
from search.config_file import key_tree
from search.config_file.key_tree import is_known, known_keys
from search.config_file.mistakes import Sources, first_problem
from search.space.parameter import Parameter, read_parameters
from search.space.space import Space, ordered


def read_space(spec: Mapping[str, Any], base: Mapping[str, Mapping[str, Any]], sources: Sources) -> Space:
    """The space of a study. `base` holds each arm's configuration without searched values.

    UserError for an unknown key, distribution, arm or condition, and for two parameters that set the same key.
    """
    parameters: list[Parameter] = []
    for key, one in spec.items():
        if not is_known(key):
            near = nearest_key(key, known_keys())
            raise sources.error(("space", key), f" is not a known key of a trial{suggestion(near)}")
        try:
            parameters += read_parameters(key, one)
        except ValidationError as error:
            problem = first_problem(error, one, Parameter)
            raise sources.error(("space", key, *problem.path), problem.text) from None
        except ValueError as error:
            raise sources.error(("space", key), f": {error}") from None
    for parameter in parameters:
        _check_keys(parameter, sources)
        _check_arms(parameter, tuple(base), sources)
        _check_conditions(parameter, parameters, sources)
    _check_overlaps(parameters, tuple(base), sources)
    try:
        return Space(ordered(tuple(parameters)), base)
    except UserError as error:
        raise UserError(f"{sources.place(('space',))}: {error}") from None


def _check_keys(parameter: Parameter, sources: Sources) -> None:
    """The keys within a chosen sub-tree are known as well."""
    for key in parameter.sets():
        if not is_known(key):
            near = nearest_key(key, known_keys())
            raise sources.error(("space", parameter.key), f": {key} is not a known key of a trial{suggestion(near)}")


def _check_arms(parameter: Parameter, arms: tuple[str, ...], sources: Sources) -> None:
    unknown = next((arm for arm in parameter.arms or () if arm not in arms), None)
    if unknown is not None:
        near = suggestion(nearest(unknown, arms))
        raise sources.error(
            ("space", parameter.key, "arms"), f": {unknown!r} is no arm of this study ({', '.join(arms)}){near}"
        )


def _check_conditions(parameter: Parameter, parameters: list[Parameter], sources: Sources) -> None:
    for key, wanted in parameter.when.items():
        path = ("space", parameter.key, "when")
        if not is_known(key):
            raise sources.error(
                path, f": {key} is not a known key of a trial{suggestion(nearest_key(key, known_keys()))}"
            )
        asked = [one for one in parameters if one.key == key]
        for value in wanted:
            if asked and not any(one.distribution.contains(value) for one in asked):
                raise sources.error(path, f": {key} is never {value!r} in this space")


def _check_overlaps(parameters: list[Parameter], arms: tuple[str, ...], sources: Sources) -> None:
    for position, one in enumerate(parameters):
        for other in parameters[:position]:
            together = any(one.of_arm(arm) and other.of_arm(arm) for arm in arms)
            if one.key == other.key or not together:
                continue
            clash = next((key for key in one.sets() if any(key_tree.overlap(key, old) for old in other.sets())), None)
            if clash is not None:
                raise sources.error(("space", one.key), f": {clash} is already searched by {other.key}")
