"""Trials small enough for unit tests: real digits, a vision transformer of two blocks, a few steps a state.

Two blocks are the fewest that share a budget.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from trainables.config.trial import TrialConfig
from trainables.files.record import Identity, read_record
from trainables.trial import Trial

BASE: dict[str, Any] = {
    "model": {"arch": "vit_micro", "init": {"source": "random"}, "args": {"depth": 2}, "patch_size": 4},
    "data": {"name": "digits", "train_limit": 96, "val_fraction": 0.2},
    "train": {"lr": 2e-3, "batch_size": 32, "epochs_per_state": 2, "device": "cpu"},
    "prune": {
        "method": "refill",
        "schedule": {"kind": "geometric", "states": 2, "head_ratio": 0.5, "neuron_ratio": 0.6},
        "calibration_images": 64,
    },
    "seed": 5,
}

TIMES = frozenset({"seconds", "images_per_second"})
"""What two runs of one trial may differ in."""


def merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """`base` with `changes` laid over it, section by section."""
    result = dict(base)
    for key, value in changes.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if both else value
    return result


def small_config(**changes: Any) -> TrialConfig:
    result = merged(BASE, changes)
    if "arch" in changes.get("model", {}):
        result["model"] = {"init": result["model"]["init"]}
    return TrialConfig.model_validate(result | {"model": merged(result["model"], changes.get("model", {}))})


def open_trial(folder: Path, **changes: Any) -> Trial:
    return Trial.open(folder, Identity("t-000", "t"), small_config(**changes))


def run(trial: Trial) -> dict[str, Any]:
    """Run a trial to its end and give its result."""
    while not trial.done:
        trial.step()
    return trial.result()


def killed_after_each(folder: Path, epochs: int, **changes: Any) -> list[Path]:
    """A trial run whole in `folder`/straight, and one for each of so many epochs that was killed after it and then gone on
    with; gives the folders of these."""
    trial = open_trial(folder / "straight", **changes)
    killed = [folder / f"killed{count}" for count in range(1, epochs + 1)]
    for left in killed:
        trial.step()
        shutil.copytree(folder / "straight", left)  # what a kill now would leave behind
    run(trial)
    for left in killed:
        run(open_trial(left, **changes))
    return killed


def numbers(folder: Path) -> list[dict[str, Any]]:
    """Everything a record says of the training, without the times."""
    record = read_record(folder)
    assert record is not None
    lines = [*record.epochs, *(end.to_json() for end in record.states)]
    return [{key: value for key, value in line.items() if key not in TIMES} for line in lines]
