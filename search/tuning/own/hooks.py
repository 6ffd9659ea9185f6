"""Whether the methods of a user's callback can be called as they will be, found without making or calling it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

from models.errors import UserError
from models.names import nearest
from search.study.searching.callbacks import HOOKS

ARGUMENTS = {"on_state_end": ("trial", "state"), "on_trial_start": ("trial",), "on_trial_end": ("trial",)}
"""What each is called with; the others with the study."""


def check_hooks(use: str, value: Any) -> list[str]:
    """UserError for a method that takes something else than it is called with. Returns warnings: methods that look like one
    that is called, and are not."""
    for hook in HOOKS:
        given = ARGUMENTS.get(hook, ("study",))
        method = getattr(value, hook, None)
        if callable(method):
            _check_takes(f"{use}: {hook}", method, (*_itself(value, hook), *given), given)
    return [
        f"callbacks: {use} has {name}, which nothing calls; the nearest is {near}" for name, near in _misspelt(value)
    ]


def _itself(value: Any, hook: str) -> tuple[str, ...]:
    """The object, where the method is looked up at its class; that of an object is bound to it already."""
    return ("self",) if isinstance(value, type) and inspect.isfunction(inspect.getattr_static(value, hook)) else ()


def _check_takes(what: str, method: Callable[..., Any], arguments: tuple[str, ...], told: tuple[str, ...]) -> None:
    try:
        inspect.signature(method).bind(*arguments)
    except ValueError:
        return  # one that does not say what it takes
    except TypeError as error:
        raise UserError(f"{what}: {error}; it is called with ({', '.join(told)})") from error


def _misspelt(value: Any) -> Iterator[tuple[str, str]]:
    for name in dir(value):
        near = nearest(name, HOOKS) if name.startswith("on_") and name not in HOOKS else None
        if near is not None and not callable(getattr(value, near, None)):
            yield name, near
