"""What is foretold of a study's dense starts, in words."""

from __future__ import annotations

from typing import Any

from search.run.foretold.dense_start import DenseStart, DenseStarts, SoughtFirst, Span
from search.study.study import Study


def dense_start_lines(study: Study, found: DenseStarts) -> list[str]:
    """One for each start: whether it is shared and what that spares, or why not and what would make it so."""
    first = [] if found.sought is None else [_sought_line(found.sought)]
    return [*first, *(_line(one, found.epochs, of_all=len(one.arms) == len(study.arms)) for one in found.starts)]


def _sought_line(sought: SoughtFirst) -> str:
    epochs = "1 epoch" if sought.epochs == (1, 1) else f"{_span(sought.epochs)} epochs"
    trials = f"{sought.trials} trial{'' if sought.trials == 1 else 's'} of {epochs}"
    return f"state 0: its recipe is sought first (search.state0): {', '.join(sought.keys)}, in {trials}"


def _line(one: DenseStart, epochs: float, *, of_all: bool) -> str:
    head = "state 0" if of_all else f"state 0 of {', '.join(one.arms)}"
    length = f"{_span(one.epochs)} of {_span(one.epochs_of_trial)} epochs of a trial"
    if one.is_shared:
        by = " (train.state0)" if one.own_recipe else ""
        if one.trials == one.dense_networks:
            return f"{head}: one dense start for each seed{by}, and one trial: {length}"
        return (
            f"{head}: one dense start for each seed{by}, trained once: {length}; {one.dense_networks} serve {one.trials} "
            f"trials, which spares {100 * one.spared_epochs / epochs:.0f} % of the study's epochs"
        )
    whose = "every configuration trains its own" if one.searched else "the arms train different ones"
    line = f"{head}: {whose} ({_reasons(one)}): {length}"
    if not one.recipe:
        return line
    give = "let train.state0 say as well" if one.own_recipe else "give train.state0 a recipe, such as"
    each = ", ".join(("seed", *one.beyond))
    return f"{line}; {give} {_flow(one.recipe)}, so that all of them start from one dense network for each {each}"


def _reasons(one: DenseStart) -> str:
    reasons = []
    if one.searched:
        several = len(one.searched) > 1
        verbs = ("are", "apply") if several else ("is", "applies")
        reasons.append(f"{', '.join(one.searched)} {verbs[0]} searched and {verbs[1]} to state 0 too")
    if one.patched:
        reasons.append(f"arms differ in {', '.join(one.patched)}")
    return "; ".join(reasons)


def _span(span: Span) -> str:
    low, high = span
    return f"{low}" if low == high else f"{low} to {high}"


def _flow(value: Any) -> str:
    """As a study file has it, in one line."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {_flow(inner)}' for key, inner in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_flow, value))}]"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)
