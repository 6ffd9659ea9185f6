"""What each value of a trial's record is called, in TensorBoard and in every other tracker; nothing of the test split."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from models.units.structure import BASIC, WORDS
from trainables.files.record import StateEnd

EPOCH_TAGS = {
    "val_accuracy": "accuracy/val",
    "train_accuracy": "accuracy/train",
    "val_loss": "loss/val",
    "train_loss": "loss/train",
    "lr": "schedule/lr",
    "state": "schedule/state",
    "lambda": "rsst/lambda",
    "removed_percent": "size/removed_percent",
    "removed_of_all_percent": "size/removed_of_all_percent",
    "params": "size/parameters",
    "macs": "size/macs",
    "images_per_second": "speed/images_per_second",
    "seconds": "speed/epoch_seconds",
}
"""Tag of each value of an epoch's record line; its step is the trial's epoch, counted from 1 over all states."""
REMOVAL_TAGS = {
    "magnitude_ratio": "rsst/magnitude_ratio",
    "val_accuracy_before": "removal/val_accuracy_before",
    "val_accuracy_after": "removal/val_accuracy_after",
    "val_accuracy_repaired": "removal/val_accuracy_repaired",
}
BY_STATE = "state/val_accuracy"
BY_REMOVED = "state/val_accuracy_at_removed_permille"
"""Stepped by 10 * removed_percent, so that arms that remove at another pace stand at the same places."""
FINAL_TAGS = {
    "val_accuracy": "final/val_accuracy",
    "val_loss": "final/val_loss",
    "removed_percent": "final/removed_percent",
    "removed_of_all_percent": "final/removed_of_all_percent",
}


class Scalar(NamedTuple):
    """A finite value at a step."""

    tag: str
    value: float
    step: int


def epoch_scalars(line: Mapping[str, Any]) -> Iterator[Scalar]:
    """Of an epoch's record line, stepped by the trial's epochs."""
    step = line["epochs_total"]
    named = [(tag, line.get(key)) for key, tag in EPOCH_TAGS.items()]
    named += [(f"kept/{plural(kind)}", count) for kind, count in line.get("kept", {}).items()]
    named += inside_scalars(line.get("inside", {}))
    return _finite((tag, value, step) for tag, value in named)


def state_scalars(end: StateEnd) -> Iterator[Scalar]:
    """Of a state's end; what is not `BY_STATE` or `BY_REMOVED` is stepped by the trial's epochs."""
    removal = end.removal or {}
    at_epoch = [(tag, removal.get(key)) for key, tag in REMOVAL_TAGS.items()]
    at_epoch += [(f"repair/{layer}", told["error_repaired"]) for layer, told in (end.repair or {}).items()]
    by = [(BY_STATE, end.val_accuracy, end.state), (BY_REMOVED, end.val_accuracy, permille(end))]
    return _finite([*by, *((tag, value, end.epochs) for tag, value in at_epoch)])


def final_scalars(end: StateEnd) -> Iterator[Scalar]:
    """Of a finished trial's last state."""
    return _finite((tag, getattr(end, key), end.epochs) for key, tag in FINAL_TAGS.items())


def inside_scalars(inside: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, float]]:
    """(tag, value) of what an epoch's line says of the inside of TwistNet's blocks: each block's strength, and the gate of
    each of its heads."""
    for block, told in inside.items():
        yield f"inside/strength/{block}", told["strength"]
        for number, factor in enumerate(told.get("gate", ())):
            if factor is not None:
                yield f"inside/gate/{block}/head{number}", factor


def plural(kind: str) -> str:
    # Of the basic kinds as events of earlier versions have it, so that a trial that goes on has one series.
    return f"{kind}s" if kind in BASIC else WORDS[kind].replace(" ", "_")


def permille(end: StateEnd) -> int:
    return round(10 * end.removed_percent)


def _finite(values: Any) -> Iterator[Scalar]:
    return (Scalar(tag, value, step) for tag, value, step in values if value is not None and math.isfinite(value))
