"""A run goes on with the defaults that it began with.

Its study file says what its author wrote, and leaves the rest to defaults, which a later version may change. Each trial's
request holds its whole configuration; so what the run's trials were given is known, and later trials are given the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from models.errors import UserError
from search.config_file import key_tree
from search.run.trials import RecordedTrial
from search.study.arm import Arm
from search.study.study import Study

FILLED_IN = frozenset({"seed", "data.split_seed", "prune.scratch.file"})
"""Keys that differ between a study and its trials because the run itself decides them."""


def as_begun(study: Study, trials: Iterable[RecordedTrial]) -> Study:
    """The study, asking for trials like those that its run has: with their values where defaults have changed since.

    UserError where the run's trials do not agree on such a value: no further trial could be compared with all of them.
    """
    former: dict[str, tuple[Any, str]] = {}
    for trial in trials:
        arm = study.arms.get(trial.identity.arm)
        for key, value in _changed_defaults(arm, trial) if arm is not None else ():
            known, first = former.setdefault(key, (value, trial.id))
            if known != value:
                raise UserError(
                    f"{trial.folder}: was begun with {key} {value!r} by default, but {first} with {known!r}, by another "
                    "version; trials of both cannot be compared: remove the trials of one of them, or start another run "
                    "with --name"
                )
    return study.with_former_defaults({key: value for key, (value, _) in former.items()}) if former else study


def former_defaults_lines(study: Study) -> list[str]:
    """For people: what the run keeps from the version that it was begun with."""
    if not study.former_defaults:
        return []
    kept = ", ".join(f"{key} {value}" for key, value in study.former_defaults.items())
    return [f"defaults: this run goes on with those of the version that began it: {kept} (a new run would not)"]


def _changed_defaults(arm: Arm, trial: RecordedTrial) -> Iterator[tuple[str, Any]]:
    """(dotted key, recorded value) of each default that is another one now. A key that is new since is none of them."""
    recorded = dict(key_tree.leaves(trial.config))
    for key, now in key_tree.leaves(arm.config(trial.values).model_dump(mode="json")):
        said = key_tree.get(arm.tree, key) is not key_tree.ABSENT
        if said or key in FILLED_IN or any(key_tree.overlap(key, searched) for searched in trial.values):
            continue
        if key in recorded and recorded[key] != now:
            yield key, recorded[key]
