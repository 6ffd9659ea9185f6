"""The study that the faults befall: small, and with every kind of file that a launch writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from search.config_file import yaml_file

NAME = "faults"
STUDY: dict[str, Any] = {
    "name": NAME,
    "trial": {
        "model": {"arch": "vit_micro", "init": {"source": "random"}, "args": {"depth": 2}, "patch_size": 4},
        "data": {"name": "digits", "train_limit": 64},
        "train": {"epochs_per_state": 2, "batch_size": 32, "lr": 2.0e-3, "device": "cpu"},
        "prune": {
            "rewind": {"epoch": 1},
            "calibration_images": 32,
            "schedule": {"kind": "geometric", "states": 1, "head_ratio": 0.5, "neuron_ratio": 0.6},
        },
    },
    "arms": {"refill": {"prune.method": "refill"}, "rsst": {"prune.method": "rsst"}},
    "space": {"prune.head_share": None},
    "search": {"algorithm": "random", "trials_per_arm": 1, "confirm": {"seeds": [101]}},
    "retention": {"states": "front"},
    "resources": {"checkpoint_seconds": 0, "max_concurrent": 1},
}
del STUDY["space"]


def write_study(folder: Path) -> Path:
    """Its file in `folder`."""
    file = folder / f"{NAME}.yaml"
    file.write_text(yaml_file.dump(STUDY), encoding="utf-8")
    return file
