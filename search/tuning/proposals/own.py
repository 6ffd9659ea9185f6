"""A user's own sampler: a class of Optuna samplers or a function that makes one, OptunaHub's too."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from optuna.samplers import BaseSampler

from models.own_parts import OwnPart
from search.tuning.own.failing import OwnPartFailed, blamed_on

KEY = "search.algorithm"
SEED = "seed"


def own_sampler(part: OwnPart, seed: int, arguments: Mapping[str, Any]) -> BaseSampler:
    """The sampler of one proposal; the seed is given where it is taken. OwnPartFailed where it cannot be made, or is none, or
    where the arguments hold a seed, by which every proposal would be drawn alike."""
    name = part.origin.reference
    if SEED in arguments:
        raise OwnPartFailed(
            f"{name}: search.algorithm_args has {SEED}, and each configuration needs a seed of its own, or all are the same; "
            "say search.seed, of which they are made",
            key=KEY,
        )
    given = {**arguments, SEED: seed} if takes_seed(part.value) else dict(arguments)
    with blamed_on(name, KEY):
        made = part.value(**given)
    if not isinstance(made, BaseSampler):
        raise OwnPartFailed(
            f"{name}: found {type(made).__name__}, expected an optuna.samplers.BaseSampler; give its class, or a function "
            "that makes one",
            key=KEY,
        )
    return made


def takes_seed(factory: Callable[..., Any]) -> bool:
    """Whether it can be given a seed; one that does not say what it takes is given it."""
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):
        return True
    return any(one.name == SEED or one.kind == inspect.Parameter.VAR_KEYWORD for one in parameters)
