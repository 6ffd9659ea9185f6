"""What an arm's search chose: the searched keys and their values, short enough for a line and whole for `--json`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from search.run.plan import plan_of
from search.run.results import RunResults

SMALL, LARGE = 1e-3, 1e5
"""From the one to the other numbers are written without an exponent."""


@dataclass(frozen=True)
class Winner:
    """The configuration that one of a study's searches chose for an arm. `settings` are its searched keys alone."""

    id: str
    search: int
    settings: dict[str, Any]
    so_far: bool = False
    """Whether that search still goes on, and may choose another."""


def winners(results: RunResults, arm: str) -> tuple[Winner, ...]:
    """What each search of the study chose for an arm: empty while nothing can be chosen, where the arm searched nothing, and
    over folds, of which none is chosen."""
    if results.study.compare.claim == "folds":
        return ()
    chosen = {index: trials[arm] for index, trials in enumerate(results.chosen) if arm in trials}
    going = _still_searching(results, arm)
    return tuple(
        Winner(trial.id, index, dict(trial.values), index in going) for index, trial in chosen.items() if trial.values
    )


def _still_searching(results: RunResults, arm: str) -> set[int]:
    """The searches of an arm of which not all trials have ended, and of whose choice nothing is being confirmed."""
    ended = {trial.id for trial in results.trials if trial.ended}
    confirming = {trial.identity.replicate for trial in results.of_arm(arm, "confirm")}
    plans = [plan for plan in plan_of(results.study) if plan.arm == arm and plan.replicate not in confirming]
    return {plan.replicate for plan in plans if not ended.issuperset(plan.search_ids)}


def winner_text(winner: Winner) -> str:
    """`train.lr 9.4e-4, prune.rsst.shrink 0.046 (rsst-001)`."""
    return f"{settings_text(winner.settings)} ({winner.id})"


def settings_text(settings: Mapping[str, Any]) -> str:
    """`train.lr 9.4e-4, prune.rsst.shrink 0.046`: the values rounded for a reader; no figures to run again with."""
    return ", ".join(f"{key} {setting_text(value)}" for key, value in settings.items())


def setting_text(value: Any) -> str:
    """One searched value: a float in two digits (three from 1 on), a section or a list as YAML writes it in one line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return _float_text(value)
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {setting_text(one)}' for key, one in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(setting_text, value))}]"
    return "null" if value is None else str(value)


def _float_text(value: float) -> str:
    size = abs(value)
    if not math.isfinite(value) or size == 0 or SMALL <= size < LARGE:
        return f"{value:.3g}" if size >= 1 and size < 1000 else f"{value:.2g}" if size < 1 else f"{value:.0f}"
    digits, exponent = f"{value:.1e}".split("e")
    return f"{digits.removesuffix('.0')}e{int(exponent)}"
