"""Tries the corners of a space against the configuration itself, so that no sample can be an impossible trial."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import combinations, islice
from typing import Any

from search.config_file import key_tree
from search.config_file.mistakes import Mistake
from search.space.distributions import same
from search.space.parameter import Parameter
from search.study.arm import Arm
from search.study.study import Study
from trainables.config.trial import TrialConfig

Forced = tuple[tuple[Parameter, Any], ...]
MOST_PROBES = 4000
"""Per arm; pairs beyond these go untried, and would fail as trials of their own."""


def check_samples(study: Study) -> None:
    """UserError where the corner of a distribution, alone or with another's, makes no valid trial of an arm."""
    for arm in study.arms.values():
        for forced, values in islice(_probes(study, arm, 2), MOST_PROBES):
            _check(arm, values, forced)


def corner_values(study: Study, arm: Arm) -> Iterator[dict[str, Any]]:
    """An arm's configurations with one parameter at each of its corners in turn, the others at their first."""
    return (values for _, values in _probes(study, arm, 1))


def configurations_by_parameter(study: Study, arm: Arm) -> list[tuple[str, list[TrialConfig]]]:
    """The key of each of an arm's parameters, and its configurations with that one at each of its corners in turn, the
    others at their first; before these, under no key, the one with all at their first.

    Those that are no trial are left out.
    """
    found: dict[str, tuple[str, list[TrialConfig]]] = {}
    for forced, values in _probes(study, arm, 1):
        key, name = (forced[0][0].key, forced[0][0].name) if forced else ("", "")
        with suppress(Mistake):
            found.setdefault(name, (key, []))[1].append(arm.config(values))
    return [one for one in found.values() if one[1]]


def joint_corners(study: Study, arm: Arm, keys: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """An arm's configurations with what it searches of `keys` at all its corners at once, the others at their first.

    Those that are no trial are left out.
    """
    chosen = [parameter for parameter in arm.parameters if any(map(parameter.decides, keys))]
    for _, values in _probes(study, arm, len({one.key for one in chosen}), chosen):
        with suppress(Mistake):
            arm.config(values)
            yield values


def paired_corner_values(study: Study, arm: Arm, parameters: Sequence[Parameter]) -> Iterator[dict[str, Any]]:
    """An arm's configurations with one and with two of these parameters at a corner; at most `MOST_PROBES` of them."""
    return (values for _, values in islice(_probes(study, arm, 2, parameters), MOST_PROBES))


def _check(arm: Arm, values: Mapping[str, Any], forced: Forced) -> None:
    try:
        arm.config(values)
    except Mistake as error:
        if all(_is_named(parameter.key, error) for parameter, _ in forced):
            raise
        found = " with ".join(f"{parameter.key}: {value!r}" for parameter, value in forced)
        raise arm.sources.error(
            ("space", forced[-1][0].key),
            f" allows what is no trial of arm {arm.name}: {found} gives {error.without_place}",
        ) from None


def _is_named(key: str, error: Mistake) -> bool:
    """Whether the error is about the key, something below it, or a place in its list."""
    return any(key_tree.within(name.partition("[")[0], key) for name in error.names)


def _probes(
    study: Study, arm: Arm, most: int, chosen: Sequence[Parameter] | None = None
) -> Iterator[tuple[Forced, dict[str, Any]]]:
    """Nothing forced; then every corner of every chosen parameter (default: of all); and so on, up to `most` of different
    keys together."""
    forcing = arm.parameters if chosen is None else chosen
    points = [(parameter, value) for parameter in forcing for value in parameter.distribution.corners()]
    for size in range(most + 1):
        for forced in combinations(points, size):
            apart = len({parameter.key for parameter, _ in forced}) == size
            values = _completed(study, arm, forced) if apart else None
            if values is not None:
                yield forced, values


def _completed(study: Study, arm: Arm, forced: Forced) -> dict[str, Any] | None:
    """A whole configuration with the forced values, others at their first corner; None where they exclude each other."""
    wanted = _conditions_of([parameter for parameter, _ in forced], arm.parameters)
    given = {parameter.name: value for parameter, value in forced}
    values: dict[str, Any] = {}
    for parameter in study.space.active(arm.name, values):
        values[parameter.key] = given.pop(parameter.name) if parameter.name in given else _fitting(parameter, wanted)
    return None if given else values


def _conditions_of(forced: list[Parameter], parameters: tuple[Parameter, ...]) -> dict[str, tuple[Any, ...]]:
    """What must stand at other keys for the forced parameters to be searched, conditions of conditions included."""
    wanted: dict[str, tuple[Any, ...]] = {}
    waiting = list(forced)
    while waiting:
        for key, values in waiting.pop().when.items():
            if key not in wanted:
                wanted[key] = values
                waiting += [one for one in parameters if one.key == key]
    return wanted


def _fitting(parameter: Parameter, wanted: Mapping[str, tuple[Any, ...]]) -> Any:
    """The parameter's first value that gives what is wanted of it; else its first corner."""
    if parameter.key in wanted:
        fitting = (value for value in wanted[parameter.key] if parameter.distribution.contains(value))
        return next(fitting, parameter.distribution.corners()[0])
    for value in parameter.distribution.corners():
        found = [(key_tree.get(key_tree.nested(parameter.key, value), key), values) for key, values in wanted.items()]
        if all(stands is key_tree.ABSENT or any(same(stands, one) for one in values) for stands, values in found):
            return value
    return parameter.distribution.corners()[0]
