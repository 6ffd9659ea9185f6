"""A run goes on with the defaults that it began with.

Its study file says what its author wrote, and leaves the rest to defaults, which a later version may change. Each trial's
request holds its whole configuration; so what the run's trials were given is known, and later trials are given the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from models.errors import UserError
from search.config_file import key_tree
from search.run.trials import RecordedTrial
from search.study.arm import Arm
from search.study.study import Study
from trainables.config.found import FILLED_IN as FILLED_IN_OF_WEIGHTS

FILLED_IN = frozenset({"seed", "data.split_seed", "prune.scratch.file"}) | {
    f"{init}.{key}" for init in ("model.init", "train.distill.teacher.init") for key in FILLED_IN_OF_WEIGHTS
}
"""Keys that differ between a study and its trials because the run itself decides them."""


def as_begun(study: Study, trials: Iterable[RecordedTrial]) -> Study:
    """The study, asking for trials like those that its run has: with their values where defaults have changed since.

    UserError where the run's trials do not agree on such a value: no further trial could be compared with all of them.
    """
    left = [(trial, _left_to_defaults(arm, trial)) for trial in trials if (arm := study.arms.get(trial.identity.arm))]
    changed = dict.fromkeys(key for _, keys in left for key, (recorded, now) in keys.items() if recorded != now)
    former: dict[str, Any] = {}
    for key in changed:
        first, *others = [(trial, keys[key][0]) for trial, keys in left if key in keys]
        former[key] = first[1]
        for trial, value in others:
            if value != first[1]:
                raise UserError(
                    f"{trial.folder}: was begun with {key} {value!r} by default, but {first[0].id} with {first[1]!r}, by "
                    "another version; trials of both cannot be compared: remove the trials of one of them, or start "
                    "another run with --name"
                )
    return study.with_former_defaults(former) if former else study


def former_defaults_lines(study: Study) -> list[str]:
    """For people: what the run keeps from the version that it was begun with."""
    if not study.former_defaults:
        return []
    kept = ", ".join(f"{key} {value}" for key, value in study.former_defaults.items())
    return [f"defaults: this run goes on with those of the version that began it: {kept} (a new run would not)"]


def _left_to_defaults(arm: Arm, trial: RecordedTrial) -> dict[str, tuple[Any, Any]]:
    """Dotted key → (recorded, by default now) of what neither the study nor the search says. A key that came later is not
    among them: its default is what the version of that time did."""
    recorded, found = dict(key_tree.leaves(trial.config)), {}
    for key, now in key_tree.leaves(arm.config(trial.values).model_dump(mode="json")):
        said = key_tree.get(arm.tree, key) is not key_tree.ABSENT
        searched = any(key_tree.overlap(key, one) for one in trial.values)
        if key in recorded and not said and not searched and key not in FILLED_IN:
            found[key] = (recorded[key], now)
    return found
