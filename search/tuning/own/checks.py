"""Whether a user's own sampler, stopping rule and callbacks can be had and do what they are for, before a trial runs."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager

from models.errors import UserError
from models.own_parts import wrong_part
from search.study.searching.algorithms import ALGORITHMS
from search.study.searching.callbacks import CALLBACKS, CallbackConfig
from search.study.searching.stopping_rules import STOPPING_RULES
from search.study.study import Study


def check_own_search(study: Study) -> list[str]:
    """UserError, with its line, for the first part that cannot be had or fails. Returns warnings."""
    warnings: list[str] = []
    if ALGORITHMS.is_own(study.search.algorithm):
        with _at_its_line(study, "search", "algorithm"):
            warnings += _try_sampler(study)
    if STOPPING_RULES.is_own(study.scheduler.kind):
        from search.tuning.stopping.rule import rule_of

        with _at_its_line(study, "scheduler", "kind"):
            rule_of(study.scheduler)
    for place, callback in enumerate(study.callbacks):
        with _at_its_line(study, "callbacks", place):
            _check_callback(callback)
    return warnings


def _try_sampler(study: Study) -> list[str]:
    """Each arm's first configuration is proposed, and thrown away."""
    from search.tuning.proposals.optuna_studies import propose
    from search.tuning.proposals.own import takes_seed

    for arm in study.arms.values():
        if arm.parameters:
            propose(study, arm.name, 0, ())
    sampler = ALGORITHMS[study.search.algorithm].sampler
    if isinstance(sampler, str) or takes_seed(sampler.value):
        return []
    return [
        f"search.algorithm: {study.search.algorithm} takes no `seed`: search.seed does not reach it, and where it draws at "
        "random a resumed run proposes otherwise"
    ]


def _check_callback(callback: CallbackConfig) -> None:
    """Its class takes what it is given. It is not made before there is something to tell: it may open files, or connect."""
    part = CALLBACKS[callback.use]
    if not isinstance(part.value, type):
        if callback.args:
            raise wrong_part("callbacks", part, "a class, since it is given arguments")
        return
    try:
        inspect.signature(part.value).bind(**callback.args)
    except ValueError:
        return  # one that does not say what it takes
    except TypeError as error:
        raise UserError(
            f"{callback.use}: {error}; give what its class takes: {{{callback.use}: {{NAME: VALUE}}}}"
        ) from error


@contextmanager
def _at_its_line(study: Study, *path: str | int) -> Iterator[None]:
    try:
        yield
    except UserError as error:
        raise study.sources.error(path, f": {error.text}") from error
