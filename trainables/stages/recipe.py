"""What a configuration says about each of its states: all that decides the state's outcome, and nothing else.

Two trials of equal recipes up to state s, on equal data, weights and seed, stand at the same network at its end. Plain JSON,
without torch: the study's queue asks it which trials share their beginning.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from models.units.structure import ACROSS, kinds_of, short_form
from pruning.schedules import SCHEDULES
from trainables.config.prune import RATIO_KEYS
from trainables.config.train import EPOCH_KEYS
from trainables.config.trial import TrialConfig

HOW_LONG = frozenset({*EPOCH_KEYS, "state0"})
"""Keys of `train` that say how many epochs a state has, or what state 0 differs in; the recipe has both worked out."""
WHERE = frozenset({"device", "threads", "precision", "graph"})
"""Keys of `train` that ask for something; what was got stands among the facts of `key.py`."""
OF_A_FILE = {"found", "sha256"}
"""Keys of `init` that say of a file where and which it is; what is in it stands among the facts of `key.py`."""
Recipe = dict[str, Any]


def shared_by_all_states(config: TrialConfig) -> Recipe:
    """What decides every state: network, initial weights, data and split, seed. The files' contents are not looked at."""
    data = config.data.model_dump(mode="json", exclude={"augment", "workers", "on_bad_image"})
    train = config.train.model_dump(mode="json", include=set(WHERE))
    scratch = config.prune.scratch.model_dump(mode="json") if config.prune.traits.from_scratch else None
    return {
        "model": config.model.model_dump(mode="json", exclude={"init": OF_A_FILE}),
        "data": data,
        "train": train,
        "seed": config.seed,
        "scratch": scratch,
    }


def chained(root: str, recipes: Iterable[Recipe]) -> tuple[str, ...]:
    """A name for a trial's states up to each: the same where it begins on the same and has had the same recipes up to there."""
    names = []
    for recipe in recipes:
        root = digest_of([root, recipe])
        names.append(root)
    return tuple(names)


def digest_of(value: Any) -> str:
    """SHA-256 of plain data, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def recipes_of(config: TrialConfig, epochs: tuple[int, ...] | None = None) -> tuple[Recipe, ...]:
    """One for each state. `epochs` of each state, where they are not the configuration's own."""
    counts = config.epochs_of_states() if epochs is None else epochs
    return tuple(_recipe(config, state, count) for state, count in enumerate(counts))


def _recipe(config: TrialConfig, state: int, epochs: int) -> Recipe:
    train = config.train_of_state(state).model_dump(mode="json", exclude=set(HOW_LONG | WHERE))
    if config.train.distill.outside is None:
        # The teacher is the network at state 0's end.
        train["distill"].pop("teacher")
        if state == 0:
            train.pop("distill")
    else:
        init = train["distill"]["teacher"]["init"]
        train["distill"]["teacher"]["init"] = {key: value for key, value in init.items() if key not in OF_A_FILE}
    recipe: Recipe = {
        "epochs": epochs,
        "train": train,
        "augment": config.augment_of_state(state).model_dump(mode="json"),
        "measure": config.measure.model_dump(mode="json") if config.measure.latency else None,
    }
    number = config.event_of_state(state)
    return recipe | {"event": _event(config, number)} if number else recipe


def _event(config: TrialConfig, number: int) -> Recipe:
    """The pruning event of this number, counted from 1."""
    prune, traits = config.prune, config.prune.traits
    event: Recipe = {"rewind": prune.model_dump(mode="json")["rewind"], "target": short_form(prune.target)}
    if not (traits.makes_smaller or traits.masks):
        return event
    event |= {
        "acts": traits.acts,
        "masks": traits.masks,
        "shrinks": prune.rsst.model_dump(mode="json") if traits.shrinks else None,
        "criterion": prune.criterion_in_force,
        "normalize": prune.normalize,
        "per_mac": prune.ranks_per_mac,
        "scope": prune.scope,
        "min_kept": prune.min_kept,
        "round_to": prune.round_to,
        "compensate": prune.compensate if traits.makes_smaller else "none",
        "calibration": prune.calibration(config.train.batch_size),
        "widths": prune.widths,
        "fillback_rate": prune.fillback_rate if prune.widths == "imp" else None,
    }
    return event | _amount(config, number)


def _amount(config: TrialConfig, number: int) -> Recipe:
    """How much stays: the kept fraction of each kind, or the target and the whole schedule that leads to it."""
    schedule, course = config.prune.schedule, config.prune.course_in_force
    kinds = kinds_of(config.prune.target)
    if schedule.macs_target is not None:
        # Stages of before there were these kinds keep their names.
        unasked = {RATIO_KEYS[kind] for kind in ACROSS if kind not in kinds}
        towards = schedule.model_dump(mode="json", exclude=unasked)
        return {"towards": towards | {"kind": course}}
    if SCHEDULES.is_own(course) and SCHEDULES.if_imported(course) is None:
        # Where a run is read, a user's schedule is its name and what it is given; a trial has imported it.
        return {"unasked": {kind: [course, number, schedule.states, schedule.ratio_of(kind)] for kind in kinds}}
    return {"kept": {kind: schedule.kept_fraction(kind, number, course=course) for kind in kinds}}
