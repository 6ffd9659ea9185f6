"""Whether a user's own sampler, stopping rule and callbacks can be had and do what they are for, before a trial runs."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager

from models.errors import UserError
from models.own_parts import OwnPart, wrong_part
from search.study.searching.algorithms import ALGORITHMS
from search.study.searching.callbacks import CALLBACKS, CallbackConfig
from search.study.searching.stopping_rules import STOPPING_RULES
from search.study.study import Study
from search.tuning.own.hooks import check_hooks


def check_own_search(study: Study) -> list[str]:
    """UserError, with its line, for the first part that cannot be had or fails. Returns warnings."""
    warnings: list[str] = []
    if ALGORITHMS.is_own(study.search.algorithm):
        with _at_its_line(study, "search", "algorithm"):
            warnings += _try_sampler(study)
    if STOPPING_RULES.is_own(study.scheduler.kind):
        with _at_its_line(study, "scheduler", "kind"):
            _try_rule(study)
    for place, callback in enumerate(study.callbacks):
        with _at_its_line(study, "callbacks", place):
            warnings += _check_callback(callback)
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


def _try_rule(study: Study) -> None:
    """It is asked as each state of a trial ends, of trials made up for that."""
    from search.tuning.own.made_trials import made_trials
    from search.tuning.stopping.rule import rule_of

    rule, paired = rule_of(study.scheduler), study.search.pairing == "shared"
    try:
        for trial, rivals in made_trials(study):
            removed_percent = rule.judged_at(trial, paired)
            if removed_percent is not None and trial.val_accuracy_at(removed_percent) is not None:
                rule.keeps(trial, rivals, removed_percent)
    except UserError as error:
        raise UserError(f"{error.text} (asked about trials made up to try it)") from error


def _check_callback(callback: CallbackConfig) -> list[str]:
    """Its class takes what it is given, and its methods what they are. It is not made before there is something to tell: it
    may open files, or connect. Returns warnings."""
    part = CALLBACKS[callback.use]
    _check_made(callback, part)
    return check_hooks(callback.use, part.value)


def _check_made(callback: CallbackConfig, part: OwnPart) -> None:
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
