"""`prune.target`: how a file writes which kinds of units go, and what cannot judge, mask or repair some of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import BeforeValidator

from models.names import nearest, suggestion
from models.units.structure import ACROSS, KINDS, SHORT_FORMS, UNREAD, Target, kinds_of, short_form
from pruning.catalogue import CRITERIA, CriterionTraits, MethodTraits


def in_one_form(value: Any) -> Any:
    """Of a target in plain data the short form, the same for all ways to write it; anything else as it is."""
    written = isinstance(value, list | tuple) and all(kind in KINDS for kind in value)
    return short_form(tuple(value)) if written else value


def _one_target(value: Any) -> Any:
    """A word or a list of kinds, as it was given; ValueError says what is wrong with it."""
    if isinstance(value, list | tuple):
        return _kinds(value)
    if not isinstance(value, str):
        raise ValueError(
            f"one of {', '.join(SHORT_FORMS)}, or a list of {', '.join(KINDS)} is expected, found {value!r}"
        )
    if value in SHORT_FORMS:
        return value
    if value in KINDS:
        raise ValueError(f"{value!r} is written as [{value}], or {short_form((value,))}")
    near = suggestion(nearest(value, SHORT_FORMS))
    raise ValueError(f"{value!r} is none of {', '.join(SHORT_FORMS)}, nor a list of {', '.join(KINDS)}{near}")


def _kinds(given: Iterable[Any]) -> tuple[Any, ...]:
    kinds = tuple(given)
    if not kinds:
        raise ValueError(f"at least one of {', '.join(KINDS)} is expected, found an empty list")
    for kind in kinds:
        if kind in KINDS:
            continue
        if isinstance(kind, str) and kind in SHORT_FORMS:
            raise ValueError(f"{kind!r} is a word of its own; in a list write {', '.join(kinds_of(kind))}")
        raise ValueError(f"{kind!r} is none of {', '.join(KINDS)}{suggestion(nearest(str(kind), KINDS))}")
    twice = next((kind for kind, count in Counter(kinds).items() if count > 1), None)
    if twice is not None:
        raise ValueError(f"lists {twice} twice")
    return kinds


TargetField = Annotated[Target, BeforeValidator(_one_target)]
"""A `target` as a key of a section."""


def check_target_is_judged(
    target: Target, method: MethodTraits, criterion: CriterionTraits, widths: str, compensate: str
) -> None:
    """ValueError where something else in the section has no meaning for a kind of the target.

    `criterion` is the one in force, which may be the method's own.
    """
    kinds = kinds_of(target)
    across, unread = [kind for kind in kinds if kind in ACROSS], [kind for kind in kinds if kind in UNREAD]
    named = " and ".join(across)
    if method.masks and across:
        raise ValueError(
            f"method: {method.name} masks single weights within one kind, and those of {named} belong to other kinds too; "
            f"take {named} out of target, or choose another method"
        )
    if not method.makes_smaller:
        return
    if widths == "imp" and across:
        raise ValueError(
            f"widths: imp counts surviving weights within one kind, and those of {named} belong to other kinds too; "
            f"say widths: budget, or take {named} out of target"
        )
    unjudged = " and ".join(kind for kind in kinds if kind not in criterion.judges)
    if unjudged:
        able = ", ".join(name for name, one in CRITERIA.built_in.items() if set(kinds) <= set(one.judges))
        raise ValueError(
            f"criterion: {criterion.name} cannot score {unjudged}; choose one that can ({able}), or take {unjudged} out of "
            "target"
        )
    if compensate != "none" and len(unread) == len(kinds):
        raise ValueError(
            f"compensate: {compensate} sets the layers that read the units which go, and nothing reads {' and '.join(unread)}; "
            "say compensate: none, or prune other kinds too"
        )
