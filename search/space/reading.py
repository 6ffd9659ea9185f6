"""A study file's `space:` section into a Space, with every mistake at its line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from models.errors import UserError
from search.config_file.key_tree import is_known, unknown
from search.config_file.mistakes import Sources, first_problem, no_arm
from search.space.parameter import Parameter, read_parameters
from search.space.space import Space, ordered


def read_space(spec: Mapping[str, Any], base: Mapping[str, Mapping[str, Any]], sources: Sources) -> Space:
    """The space of a study. `base` holds each arm's configuration without searched values.

    UserError for an unknown key, distribution, arm or condition, and for two parameters that set the same key.
    """
    parameters: list[Parameter] = []
    for key, one in spec.items():
        if not is_known(key):
            raise sources.error(("space", key), unknown(key))
        try:
            parameters += read_parameters(key, one)
        except ValidationError as error:
            path, text = first_problem(error, one, Parameter)
            raise sources.error(("space", key, *path), text) from None
        except ValueError as error:
            raise sources.error(("space", key), f": {error}") from None
    for parameter in parameters:
        for key in parameter.sets():  # those within a chosen sub-tree too
            if not is_known(key):
                raise sources.error(("space", parameter.key), f": {key}{unknown(key)}")
        for arm in parameter.arms or ():
            if arm not in base:
                raise sources.error(("space", parameter.key, "arms"), no_arm(arm, base))
        _check_conditions(parameter, parameters, sources)
    for position, later in enumerate(parameters):
        for earlier in parameters[:position]:
            if earlier.key != later.key and any(earlier.of_arm(arm) and later.of_arm(arm) for arm in base):
                _check_overlap(earlier, later, sources)
    try:
        return Space(ordered(tuple(parameters)), base)
    except UserError as error:
        raise UserError(f"{sources.place(('space',))}: {error}") from None


def _check_conditions(parameter: Parameter, parameters: list[Parameter], sources: Sources) -> None:
    path = ("space", parameter.key, "when")
    for key, wanted in parameter.when.items():
        if not is_known(key):
            raise sources.error(path, f": {key}{unknown(key)}")
        asked = [one.distribution for one in parameters if one.key == key]
        for value in wanted:
            if asked and not any(distribution.contains(value) for distribution in asked):
                raise sources.error(path, f": {key} is never {value!r} in this space")


def _check_overlap(earlier: Parameter, later: Parameter, sources: Sources) -> None:
    clash = next((key for key in later.sets() if earlier.decides(key)), None)
    if clash is not None:
        raise sources.error(("space", later.key), f": {clash} is already searched by {earlier.key}")
