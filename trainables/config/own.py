"""Which parts of a trial are a user's own, where they came from, and what can be wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from models.errors import UserError
from models.own_parts import Origin, Registry
from models.units.structure import kinds_of
from pruning.catalogue import CRITERIA, METHODS
from pruning.own_methods import import_methods
from pruning.schedules import SCHEDULES, check_own_course
from trainables.config.data_sets import DATA_SETS
from trainables.config.distill import TEACHER_KEY
from trainables.config.target import check_target_is_judged
from trainables.config.trial import TrialConfig

OF_EVENTS = frozenset({CRITERIA.key, METHODS.key, SCHEDULES.key})
"""Keys whose parts act in pruning events alone; the others act from the first step on."""


def own_parts(config: TrialConfig) -> dict[str, Origin]:
    """Dotted key → the origin of the user's own part that stands there; all others are left out.

    UserError, about that key, for a part that cannot be imported, is of another kind than is needed, or does not do what
    this trial asks of it.
    """
    found: dict[str, Origin] = {}
    for registry, name, key in _named(config):
        try:
            origin = registry.origin(name)
        except UserError as error:
            raise (error if error.key is None else error.about(key, error.text)) from error.__cause__
        if origin is not None:
            found[key] = origin
    _check(config)
    return found


def config_to_run(content: Mapping[str, Any]) -> TrialConfig:
    """A trial's configuration that is to run here: a method of a user's own is imported first, for it decides what fits."""
    import_methods(content)
    return TrialConfig.model_validate(content)


def parts_json(parts: dict[str, Origin]) -> dict[str, Any]:
    """As a record has them: dotted key → the origin."""
    return {key: origin.to_json() for key, origin in parts.items()}


def _named(config: TrialConfig) -> Iterator[tuple[Registry[Any], str, str]]:
    from models.networks.own import OWN  # which loads torch, while a configuration is read without it

    prune, teacher = config.prune, config.train.distill.outside
    yield OWN, config.model.arch, OWN.key
    yield DATA_SETS, config.data.name, DATA_SETS.key
    yield METHODS, prune.method, METHODS.key
    yield CRITERIA, prune.criterion_in_force, CRITERIA.key
    yield SCHEDULES, prune.course_in_force, SCHEDULES.key
    if teacher is not None and teacher.arch is not None:
        yield OWN, teacher.arch, f"{TEACHER_KEY}.arch"


def _check(config: TrialConfig) -> None:
    """What a trial of our own parts alone has been asked as it was read."""
    prune, traits = config.prune, METHODS[config.prune.method]
    criterion = CRITERIA[prune.criterion_in_force]
    if CRITERIA.is_own(criterion.name):
        try:
            check_target_is_judged(prune.target, traits, criterion, prune.widths, prune.compensate)
        except ValueError as error:
            raise UserError(str(error), key=CRITERIA.key) from None
    for kind in kinds_of(prune.target):
        check_own_course(prune.course_in_force, prune.schedule.states, prune.schedule.ratio_of(kind))
